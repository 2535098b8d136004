"""Checking what users ask of a client's calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiobench._errors import ConfigurationError
from aiobench._http.session import CallOptions

__all__ = ["checked_connections", "checked_hosts", "checked_options"]

OURS = frozenset({"accept-encoding", "authorization", "content-length", "content-type", "host", "transfer-encoding"})


def checked_options(
    *, timeout: float, max_retries: int, max_retry_after: float, headers: Mapping[str, str] | None
) -> CallOptions:
    """Make the options of a client's calls.

    Raises:
        ConfigurationError: If one of them cannot be used.
    """
    if not _is_number(timeout) or not timeout > 0:
        raise ConfigurationError(f"timeout= must be a number of seconds over 0, not {timeout!r}")
    if not _is_number(max_retry_after) or not max_retry_after >= 0:
        raise ConfigurationError(f"max_retry_after= must be a number of seconds, not {max_retry_after!r}")
    if isinstance(max_retries, bool) or not isinstance(max_retries, int) or max_retries < 0:
        raise ConfigurationError(f"max_retries= must be a whole number, not {max_retries!r}")
    return CallOptions(float(timeout), max_retries, float(max_retry_after), _headers(headers or {}))


def checked_connections(value: int) -> int:
    """Return the number of connections, if it can be one.

    Raises:
        ConfigurationError: If it is not a whole number over 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"max_connections= must be a whole number over 0, not {value!r}")
    return value


def checked_hosts(value: Collection[str]) -> frozenset[str]:
    """Return the names of hosts, if they can be some.

    Raises:
        ConfigurationError: If it is one string, or holds what is no name of a host: a URL, a number.
    """
    if isinstance(value, str) or not isinstance(value, Collection):
        raise ConfigurationError(f"allow_result_hosts= must be a collection of host names, not {value!r}")
    for host in value:
        if not isinstance(host, str) or not host or "/" in host:
            raise ConfigurationError(f"allow_result_hosts= must hold host names, not {host!r}")
    return frozenset(value)


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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
