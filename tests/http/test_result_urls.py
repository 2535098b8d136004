"""Result URLs: https, public, and nothing else unless the user says so (F15, F16)."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import UnsafeURLError
from aiobench._http.result_urls import ResultURLRules, UnsafeAddressError

STRICT = ResultURLRules(loopback_allowed=False, allowed_hosts=())
LOCAL = ResultURLRules(loopback_allowed=True, allowed_hosts=())
PRIVATE = (
    "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "255.255.255.255", "224.0.0.1", "192.0.2.1", "[::1]", "[::]", "[fe80::1]", "[fe80::1%25eth0]", "[fc00::1]",
    "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "[64:ff9b::a00:1]",
    "192.0.0.8", "192.88.99.1", "198.18.0.1", "240.0.0.1", "[64:ff9b:1::1]", "[100::1]", "[2001:db8::1]", "[3fff::1]",
    "[5f00::1]",
)  # fmt: skip


@pytest.mark.parametrize(
    "url",
    ["https://results.example/x.csv?X-Amz-Signature=a.b/c", "https://8.8.8.8/x", "https://[2606:4700::1111]/x",
     "https://[64:ff9b::808:808]/x",
     "https://results.example:8443/x", "HTTPS://results.example/"],
)  # fmt: skip
def test_public_https_is_fine(url: str) -> None:
    """A public https URL is followed as it is, query included."""
    assert httpx.URL(url) == STRICT.checked(url, job_id="J")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://results.example/x", "plain http"),
        ("ftp://results.example/x", "not an https URL"),
        ("file:///etc/passwd", "not an https URL"),
        ("/relative", "not an https URL"),
        ("https:///x", "not an https URL"),
        ("", "not an https URL"),
        ("https://user:s3cret@results.example/x", "user info"),
        ("https://[::1", "not a URL"),
        ("https://results.example:port/", "not a URL"),
        ("https://xn--/x", "not a URL"),
        ("https://xn--a/x", "not a URL"),
        ("https://results.example:99999/x", "its port is invalid"),
    ],
)
def test_other_urls_are_refused(url: str, why: str) -> None:
    """What is not an https URL to a host, without user info, is refused; the error names the job and no secret."""
    with pytest.raises(UnsafeURLError, match=why) as caught:
        STRICT.checked(url + "?X-Amz-Signature=s1gned" if "?" not in url else url, job_id="J")

    assert caught.value.job_id == "J"
    for shown in (str(caught.value), caught.value.url):
        assert "s3cret" not in shown
        assert "s1gned" not in shown


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_refused(host: str) -> None:
    """Private, loopback, link-local, multicast and unspecified addresses are refused, wrapped ones too."""
    with pytest.raises(UnsafeURLError, match="not on the public internet"):
        STRICT.checked(f"https://{host}/x", job_id="J")


@pytest.mark.parametrize("host", PRIVATE)
def test_named_hosts_are_fine(host: str) -> None:
    """`allow_result_hosts` makes a private host fine, over plain http as well."""
    rules = ResultURLRules(loopback_allowed=False, allowed_hosts={host})

    assert [f"{scheme}://{host}/x" for scheme in ("http", "https")] == [
        str(rules.checked(f"{scheme}://{host}/x", job_id="J")) for scheme in ("http", "https")
    ]


@pytest.mark.parametrize("name", ["storage.internal", "STORAGE.internal", "storage.internal."])
def test_named_hosts_have_any_case(name: str) -> None:
    """Names of hosts are compared as names are."""
    rules = ResultURLRules(loopback_allowed=False, allowed_hosts={name})

    assert rules.checked("http://storage.internal/x", job_id="J").host == "storage.internal"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_is_fine_beside_a_platform_on_loopback(host: str) -> None:
    """When the base URL itself is on loopback, so may the results be, over plain http."""
    assert str(LOCAL.checked(f"http://{host}:8000/x", job_id="J")) == f"http://{host}:8000/x"
    with pytest.raises(UnsafeURLError, match=r"10\.0\.0\.1 is not on the public internet"):
        LOCAL.checked("https://10.0.0.1/x", job_id="J")


def test_redirects() -> None:
    """A redirect may be relative; it never leads from https to http, nor to a private address."""
    before = httpx.URL("https://results.example/a/b")

    assert str(STRICT.checked("/c?d", job_id="J", before=before)) == "https://results.example/c?d"
    with pytest.raises(UnsafeURLError, match="from https to plain http"):
        STRICT.checked("http://results.example/x", job_id="J", before=before)
    with pytest.raises(UnsafeURLError, match="not on the public internet"):
        STRICT.checked("//169.254.169.254/latest", job_id="J", before=before)


def test_redirect_from_https_to_http_is_refused_even_on_named_hosts() -> None:
    """That a host's plain http is fine does not let a redirect drop the encryption."""
    rules = ResultURLRules(loopback_allowed=True, allowed_hosts={"storage.internal"})

    with pytest.raises(UnsafeURLError, match="from https to plain http"):
        rules.checked("http://storage.internal/x", job_id="J", before=httpx.URL("https://storage.internal/"))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1%eth0"]
)
def test_name_with_a_private_address_is_refused(address: str) -> None:
    """A name one of whose addresses is private is refused as a whole, unless it was named as fine."""
    STRICT.check_addresses("results.example", ["8.8.8.8", "2606:4700::1111"])
    with pytest.raises(UnsafeAddressError, match="not on the public internet"):
        STRICT.check_addresses("results.example", ["8.8.8.8", address])
    named = ResultURLRules(loopback_allowed=False, allowed_hosts={"results.example"})
    named.check_addresses("results.example", ["8.8.8.8", address])


@given(st.text() | st.from_regex(r"https?://[^\s]{0,20}(:\d{0,6})?(/[^\s]{0,10})?", fullmatch=True), st.booleans())
def test_any_text_is_a_safe_url_or_refused(text: str, redirected: bool) -> None:
    """Whatever a document or a redirect names, it is an https URL without user info, or an UnsafeURLError."""
    before = httpx.URL("https://results.example/") if redirected else None
    try:
        url = STRICT.checked(text, job_id="J", before=before)
    except UnsafeURLError as error:
        url = httpx.URL("https://refused") if error.job_id == "J" else httpx.URL("")

    assert (url.scheme, url.userinfo) == ("https", b"")
    assert url.host
