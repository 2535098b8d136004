"""Base URLs: absolute, without secrets, safe to send a key to, and with their path kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import ConfigurationError
from aiobench._http.settings import DEFAULT_BASE_URL, checked_base_url, is_this_machine


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://platform-api.aixplain.com", "https://platform-api.aixplain.com/"),
        ("https://platform-api.aixplain.com/", "https://platform-api.aixplain.com/"),
        ("https://gateway.example/aixplain", "https://gateway.example/aixplain/"),
        ("https://gateway.example/aixplain/v1/", "https://gateway.example/aixplain/v1/"),
        ("https://gateway.example/team%2Fone", "https://gateway.example/team%2Fone/"),
        ("https://gateway.example:8443", "https://gateway.example:8443/"),
        ("https://gateway.example/x?", "https://gateway.example/x/"),
        ("HTTPS://Gateway.Example", "https://gateway.example/"),
        ("http://localhost:8000", "http://localhost:8000/"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
        (" https://gateway.example/x\n", "https://gateway.example/x/"),
        ("'https://gateway.example'", "https://gateway.example/"),
    ],
)
def test_path_is_kept_and_ends_with_a_slash(value: str, expected: str) -> None:
    """Routes are appended to the path, which stays as it was written, quoting included."""
    assert str(checked_base_url(value, allow_plain_http=False)) == expected


@pytest.mark.parametrize(
    "value",
    ["", " ", "platform-api.aixplain.com", "//platform-api.aixplain.com", "/sdk", "ftp://x.example", "https://", "https:///x",
     "file:///etc", "https://x.example:port", "https://x.example:99999", "https://x.example:0", "https://x.example?a=b",
     "https://x.example#a", "https://user@x.example", "https://user:pass@x.example", "https://[::1", "https://xn--", "https://xn--a.example",
     None, 5, b"https://x.example"],
)  # fmt: skip
def test_what_is_no_base_url_is_refused(value: str) -> None:
    """A base URL that is none, or that holds a user, a query or a fragment, is refused with a sentence."""
    with pytest.raises(ConfigurationError, match="the base URL"):
        checked_base_url(value, allow_plain_http=True)


@pytest.mark.parametrize(
    "value",
    [
        "https://me:s3cret@x.example",
        "https://me:s3cret@x.example:port",
        "ftp://me:s3cret@x",
        "https://x.example?k=s3cret",
    ],
)
def test_refusal_shows_no_secret(value: str) -> None:
    """The error says which URL it was, without its password and its query (F18)."""
    with pytest.raises(ConfigurationError, match=r"//.*x") as caught:
        checked_base_url(value, allow_plain_http=False)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["x.example", "10.0.0.1", "192.168.1.2", "localhost.example", "128.0.0.1", "[fe80::1]"]
)
def test_key_does_not_go_over_plain_http_to_another_machine(host: str) -> None:
    """Plain http is for loopback, unless the user says so (F17)."""
    with pytest.raises(ConfigurationError, match="allow_plain_http=True"):
        checked_base_url(f"http://{host}", allow_plain_http=False)
    assert str(checked_base_url(f"http://{host}", allow_plain_http=True)) == f"http://{host}/"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost.example", False),
        ("0.0.0.0", True),
        ("::", True),
        ("127.1", True),
        ("0x7f000001", True),
        ("2130706433", True),
        ("::ffff:127.0.0.1", True),
        ("app.localhost", True),
        ("localhost.", True),
        ("mylocalhost", False),
        ("128.1", False),
        ("1.1", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example", False),
    ],
)
def test_loopback_names(host: str, expected: bool) -> None:
    """`localhost`, names below it and every spelling of a loopback address mean this machine, and nothing else does."""
    assert is_this_machine(host) == expected


def test_default_is_the_platforms() -> None:
    """The default is aiXplain's, and can be used."""
    assert str(checked_base_url(DEFAULT_BASE_URL, allow_plain_http=False)) == "https://platform-api.aixplain.com/"


@given(st.text() | st.from_regex(r"(https?|ftp)://[^\s]{0,20}(:\d{0,6})?(/[^\s]{0,10})?", fullmatch=True))
def test_any_text_is_a_base_url_or_refused(value: str) -> None:
    """Whatever the text is, it is a URL to which routes can be appended, or a ConfigurationError."""
    try:
        url = str(checked_base_url(value, allow_plain_http=True))
    except ConfigurationError:
        url = "https://refused/"

    assert url.startswith(("http://", "https://"))
    assert url.endswith("/")
    assert "?" not in url
