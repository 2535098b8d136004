"""Checks settings as people write them: the API key, the base URL, seconds and call options."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from numbers import Integral, Real
from operator import index

import httpx

from aiobench._errors import ConfigurationError
from aiobench._redaction import without_query
from aiobench._values import Value

__all__ = [
    "DEFAULT_BASE_URL",
    "CallOptions",
    "as_seconds",
    "checked_base_url",
    "checked_count",
    "checked_hosts",
    "checked_options",
    "checked_seconds",
    "is_this_machine",
    "resolved_api_key",
]

DEFAULT_BASE_URL = "https://platform-api.aixplain.com"
KEY_VARIABLES = ("TEAM_API_KEY", "AIXPLAIN_API_KEY")
SCHEME_OF_THE_KEY = r"(?i)(authorization\s*:\s*)?(token|bearer)\s+"
# headers that aiobench sets itself
OURS = frozenset({"accept-encoding", "authorization", "content-length", "content-type", "host", "transfer-encoding"})


class CallOptions(Value, frozen=True):
    """The call options of one client view; times in seconds."""

    timeout: float
    max_retries: int
    max_retry_after: float
    headers: Mapping[str, str] = {}


# -- the key -----------------------------------------------------------------------------------------------------------


def resolved_api_key(argument: str | None, environ: Mapping[str, str]) -> str:
    """Return the API key: the argument, or the environment's.

    Raises:
        ConfigurationError: If there is none, or the environment names two different ones, or it cannot be sent.
    """
    if argument is None:
        found = {name: key for name in KEY_VARIABLES if (key := _bare_key(environ.get(name, "")))}
        if not found:
            raise ConfigurationError(
                "no API key: pass api_key=, or set TEAM_API_KEY (aiobench does not read .env files)"
            )
        if len(set(found.values())) > 1:
            raise ConfigurationError(
                "TEAM_API_KEY and AIXPLAIN_API_KEY are both set and differ: unset one, or pass api_key="
            )
        argument = next(iter(found.values()))
    key = _bare_key(argument) if isinstance(argument, str) else ""
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigurationError("the API key must be a non-empty string of printable ASCII characters")
    return key


def _bare_key(text: str) -> str:
    """Return a key without what often gets copied with it: blanks, quotes, the header's scheme."""
    bare = _unquoted(text)
    scheme = re.match(SCHEME_OF_THE_KEY, bare)
    return _unquoted(bare[scheme.end() :] if scheme else text)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


# -- the base URL ------------------------------------------------------------------------------------------------------


def checked_base_url(value: str, *, allow_plain_http: bool) -> httpx.URL:
    """Parse a base URL; its path ends with a slash, so that routes are appended to it.

    Raises:
        ConfigurationError: If it is not an absolute http(s) URL without user info, query and fragment, or would send
            the key over plain http to another machine.
    """
    value = _unquoted(value) if isinstance(value, str) else value
    shown = re.sub(r"//[^/]*@", "//…@", without_query(value)) if isinstance(value, str) else value
    try:
        url = httpx.URL(value)
        host = url.host  # decodes what is written in punycode
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ConfigurationError(f"the base URL {shown!r} is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(
            f"the base URL {shown!r} must begin with https:// (http:// for this machine) and name a host"
        )
    if url.port is not None and not 0 < url.port < 2**16:
        raise ConfigurationError(f"the base URL {shown!r} has an invalid port")
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(f"the base URL {shown!r} must have no user info, no query and no fragment")
    if url.scheme == "http" and not is_this_machine(host) and not allow_plain_http:
        raise ConfigurationError(
            f"the base URL {shown!r} would send the key over plain http to another machine; "
            "use https://, or allow_plain_http=True for a backend of your own"
        )
    path = url.raw_path.partition(b"?")[0]  # as it was quoted: what a gateway's prefix means is the gateway's business
    return url.copy_with(raw_path=path.rstrip(b"/") + b"/")


def is_this_machine(host: str) -> bool:
    """Return whether *host* means this machine: `localhost`, a name below it (RFC 6761), or a loopback address.

    `127.1` and `0x7f000001` count, for that is how the system's own functions read them, and so do `0.0.0.0` and `::`.
    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        try:
            address = ip_address(socket.inet_aton(name if name[:1].isdigit() else ""))
        except (OSError, ValueError):
            return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


# -- numbers -----------------------------------------------------------------------------------------------------------


def checked_seconds(value: float | timedelta | None, what: str) -> float | None:
    """Return *value* as seconds if it is None or not negative.

    Raises:
        ConfigurationError: If it is anything else, `nan` included.
    """
    if value is None:
        return None
    seconds = as_seconds(value)
    if seconds is None or not seconds >= 0:
        raise ConfigurationError(f"{what}= must be None or a number of seconds, 0 or more, not {value!r}")
    return seconds


def as_seconds(value: object) -> float | None:
    """Convert a number, numpy scalar or `timedelta` to seconds; None if it is none of these or too large."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def checked_count(value: int, what: str, *, least: int = 0) -> int:
    """Return *value* as an `int`, if it is a whole number of at least *least*.

    Raises:
        ConfigurationError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or index(value) < least:
        bound = "a whole number" if not least else f"a whole number, {least} or more"
        raise ConfigurationError(f"{what}= must be {bound}, not {value!r}")
    return index(value)


# -- options of calls --------------------------------------------------------------------------------------------------


def checked_options(
    *,
    timeout: float | timedelta,
    max_retries: int,
    max_retry_after: float | timedelta,
    headers: Mapping[str, str] | None,
) -> CallOptions:
    """Create the call options of a client.

    Raises:
        ConfigurationError: If one of them cannot be used.
    """
    attempt, longest = as_seconds(timeout), as_seconds(max_retry_after)
    if attempt is None or not attempt > 0:
        raise ConfigurationError(f"timeout= must be a number of seconds over 0, not {timeout!r}")
    if longest is None or not longest >= 0:
        raise ConfigurationError(f"max_retry_after= must be a number of seconds, not {max_retry_after!r}")
    return CallOptions(attempt, checked_count(max_retries, "max_retries"), longest, _headers(headers or {}))


def checked_hosts(value: Collection[str]) -> frozenset[str]:
    """Return host names, if they are valid.

    Raises:
        ConfigurationError: If it is a single string, or contains anything but host names, such as a URL or a number.
    """
    if isinstance(value, str) or not isinstance(value, Collection):
        raise ConfigurationError(f"allow_result_hosts= must be a collection of host names, not {value!r}")
    hosts = [host.strip() if isinstance(host, str) else host for host in value]
    for host in hosts:
        if not isinstance(host, str) or not host or "/" in host:
            raise ConfigurationError(f"allow_result_hosts= must hold host names, and {host!r} is not one")
    return frozenset(hosts)


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(headers, Mapping):
        raise ConfigurationError(f"default_headers= must map text to text, not be a {type(headers).__name__}")
    found: dict[str, tuple[str, str]] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(
                f"default_headers= must map text to text, not {name!r} to a {type(value).__name__}"
            )
        if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
            raise ConfigurationError(f"the header {name!r} cannot be sent: printable ASCII characters only")
        if name.lower() in OURS:
            raise ConfigurationError(f"the header {name!r} is aiobench's own to set")
        found[name.lower()] = name, value  # however it is spelled, it is one header
    return dict(found.values())
