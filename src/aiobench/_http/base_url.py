"""Where the platform is: a base URL that is safe to send a key to."""

from __future__ import annotations

import re
from ipaddress import ip_address

import httpx

from aiobench._errors import ConfigurationError
from aiobench._http.credentials import without_query

__all__ = ["DEFAULT_BASE_URL", "checked_base_url", "is_loopback_name"]

DEFAULT_BASE_URL = "https://platform-api.aixplain.com"


def checked_base_url(value: str, *, allow_plain_http: bool) -> httpx.URL:
    """Parse a base URL; its path ends with a slash, so that routes are appended to it.

    Raises:
        ConfigurationError: If it is not an absolute http(s) URL without user info, query and fragment, or would send
            the key over plain http to another machine.
    """
    shown = re.sub(r"//[^/]*@", "//…@", without_query(value)) if isinstance(value, str) else value
    try:
        url = httpx.URL(value)
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ConfigurationError(f"the base URL {shown!r} is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(
            f"the base URL {shown!r} must begin with https:// (http:// for this machine) and name a host"
        )
    if url.port is not None and not 0 < url.port < 2**16:
        raise ConfigurationError(f"the base URL {shown!r} has an invalid port")
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(f"the base URL {shown!r} must have no user info, no query and no fragment")
    if url.scheme == "http" and not is_loopback_name(url.host) and not allow_plain_http:
        raise ConfigurationError(
            f"the base URL {shown!r} would send the key over plain http to another machine; "
            "use https://, or allow_plain_http=True for a backend of your own"
        )
    path = url.raw_path.partition(b"?")[0]  # as it was quoted: what a gateway's prefix means is the gateway's business
    return url.copy_with(raw_path=path.rstrip(b"/") + b"/")


def is_loopback_name(host: str) -> bool:
    """Tell whether *host* names this machine: `localhost` or a loopback address."""
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback
