"""Which result URLs are followed, and to which addresses (F15, F16).

Our own code rather than `httpx-secure`, which guards an `httpx.AsyncClient` only: here the check sits where names
become addresses, below every transport that aiobench makes, so that the address that was checked is the one dialled.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import httpx

from aiobench._errors import UnsafeURLError
from aiobench._http.settings import is_this_machine
from aiobench._redaction import without_query
from aiobench._values import Value

__all__ = ["ResultURLRules", "UnsafeAddressError", "unsafe_url"]

Address: TypeAlias = IPv4Address | IPv6Address
NAT64 = IPv6Network("64:ff9b::/96")
UNICAST = IPv6Network("2000::/3")  # the part of IPv6 that is assigned; `is_global` takes the rest for fine, too
# what Pythons take for global although today's registry does not: protocols (a cloud's metadata, too), the relays of
# 6to4, which is out of use (RFC 7526), and documentation (RFC 9637)
RESERVED_V4 = IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24")
RESERVED_V6 = IPv6Network("3fff::/20")
NUMERIC = r"(.*\.)?([0-9]+|0[xX][0-9a-fA-F]*)\.?"
HINT = "allow_result_hosts= can name a host for which that is fine"


class UnsafeAddressError(Exception):
    """Raised inside a transport when a host has an address from which no results may be fetched."""


class ResultURLRules(Value, frozen=True):
    """Decides where results may be fetched from.

    Attributes:
        loopback_allowed: Whether the platform itself is on loopback, so that its results may be, too.
        allowed_hosts: Hosts whose private or plain-http URLs are fine.
    """

    loopback_allowed: bool
    allowed_hosts: Collection[str]

    def checked(self, text: str, *, job_id: str, before: httpx.URL | None = None) -> httpx.URL:
        """Check the URL itself. *before* is the URL that redirected to it.

        Raises:
            UnsafeURLError: If it is not https (or plain http where that is fine), has user info, no host, or an
                address as host where no results should be.
        """
        try:
            url = before.join(text) if before is not None else httpx.URL(text)
            host = url.host  # decodes what is written in punycode
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise unsafe_url(text, job_id, "it is not a URL") from error
        if url.scheme not in {"http", "https"} or not host:
            raise unsafe_url(text, job_id, "it is not an https URL")
        if url.port is not None and not 0 < url.port < 2**16:
            raise unsafe_url(text, job_id, "its port is invalid")
        if url.userinfo:
            raise unsafe_url(text, job_id, "it holds user info")
        if url.scheme == "http":
            if before is not None and before.scheme == "https":
                raise unsafe_url(text, job_id, "it redirects from https to plain http")
            if not self._is_allowed(host) and not (self.loopback_allowed and is_this_machine(host)):
                raise unsafe_url(text, job_id, f"it is plain http; {HINT}")
        address = _literal(host)
        # 127.1, 0x7f000001: what they mean depends on who reads them
        if address is None and re.fullmatch(NUMERIC, host):
            raise unsafe_url(text, job_id, f"{host} is not a proper address")
        if address is not None and not self._is_allowed(host) and not self._is_fine(address):
            raise unsafe_url(text, job_id, f"{host} is not on the public internet; {HINT}")
        return url

    def check_addresses(self, host: str, addresses: Sequence[str]) -> None:
        """Check a name's addresses. A single forbidden one is enough to refuse them all.

        Raises:
            UnsafeAddressError: If one is not.
        """
        if self._is_allowed(host):
            return
        for name in addresses:
            address = _literal(name)
            if address is None or not self._is_fine(address):
                raise UnsafeAddressError(f"{host} is at {name}, not on the public internet; {HINT}")

    def _is_fine(self, address: Address) -> bool:
        inner = _unwrapped(address)
        if self.loopback_allowed and inner.is_loopback:
            return True
        if isinstance(inner, IPv6Address):
            is_known = inner in UNICAST and inner not in RESERVED_V6
        else:
            is_known = not any(inner in network for network in RESERVED_V4)
        return is_known and inner.is_global and not inner.is_multicast

    def _is_allowed(self, host: str) -> bool:
        return _plain(host) in map(_plain, self.allowed_hosts)


def _plain(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """Extract the IPv4 address embedded in an IPv6 address: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in NAT64:
            return IPv4Address(address.packed[-4:])
    return address


def unsafe_url(url: str, job_id: str, why: str) -> UnsafeURLError:
    shown = without_query(str(url))
    if "@" in shown:  # user info may be a password
        shown = shown.partition("://")[0] + "://…@" + shown.rpartition("@")[2]
    return UnsafeURLError(f"the results of job {job_id} are not fetched from {shown}: {why}", job_id=job_id, url=shown)
