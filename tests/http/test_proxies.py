"""Which proxy a request goes through, and what `NO_PROXY` lists."""

from __future__ import annotations

import os
import sys

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import ConfigurationError
from aiobench._http.environment import environment_proxy, explicit_proxy, goes_without


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://x.example", "the proxy http://p:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.example"}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other"}, "https://x.example", "the proxy http://p:1 (HTTPS_PROXY)"),
        ({"https_proxy": " p:1\n"}, "https://x.example", "the proxy http://p:1 (https_proxy)"),
        ({"ALL_PROXY": "socks5://me:s3cret@p:1"}, "https://x.example", "the proxy socks5://p:1 (ALL_PROXY)"),
        ({"ALL_PROXY": "http://p:1"}, "http://127.0.0.1", None),
        ({"ALL_PROXY": "http://p:1"}, "http://app.localhost:80", None),
    ],
)
def test_which_proxy(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], url: str, expected: str | None) -> None:
    """HTTPS_PROXY is for https, NO_PROXY names what goes without, ALL_PROXY is for the rest, loopback goes without."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    found = environment_proxy(httpx.URL(url))
    assert (None if found is None else _spelled(str(found))) == (expected and _spelled(expected))


def _spelled(proxy: str) -> str:
    """Spell a variable as the system does: Windows has only capitals."""
    return proxy.upper() if sys.platform == "win32" else proxy


@pytest.mark.parametrize(
    ("no_proxy", "host", "expected"),
    [
        ("x.example", "x.example", True),
        ("X.Example", "x.example.", True),
        ("x.example", "a.x.example", True),
        ("x.example", "ax.example", False),
        (".x.example", "a.x.example", True),
        (".x.example", "x.example", True),
        ("*.x.example", "a.x.example", True),
        ("*.x.example", "x.example", False),
        ("other, x.example", "x.example", True),
        ("other x.example", "x.example", True),
        ("x.example:443", "x.example", True),
        ("x.example:8443", "x.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.7/8", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3:443", "10.1.2.3", True),
        ("10.1.2.3:80", "10.1.2.3", False),
        ("10.0.0.0/8", "10.example", False),
        ("::1", "::1", True),
        ("[fd00::1]", "[fd00::1]", True),
        ("[fd00::1]:443", "fd00::1", True),
        ("[fd00::1]:80", "fd00::1", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fe80::1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("*", "anything", True),
        ("", "x.example", False),
        (",, ,", "x.example", False),
        ("10.0.0.0/99", "10.0.0.1", False),
    ],
)
def test_what_goes_without(no_proxy: str, host: str, expected: bool) -> None:
    """Names with all below them, `*.name` for what is below alone, addresses, networks, each with or without a port."""
    assert goes_without(host, 443, no_proxy) == expected


@given(st.text(), st.text())
def test_no_list_is_too_odd(no_proxy: str, host: str) -> None:
    """Whatever the variable holds, it lists a host or it does not."""
    assert goes_without(host, 80, no_proxy) in {True, False}


@pytest.mark.parametrize(
    "url", ["ftp://p:1", "http://", "http://p:99999", "http://p:0", "p", "http://p:x", "socks4://p:1", None, 5]
)
def test_what_is_no_proxy_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the setting, and not its value, which may hold a password."""
    with pytest.raises(ConfigurationError, match=r"the proxy that proxy= names must be an http"):
        explicit_proxy(url)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:s3cret@p:99999")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        environment_proxy(httpx.URL("https://x.example"))
    assert "s3cret" not in str(caught.value)
