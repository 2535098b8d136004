"""Which proxy a request goes through: `proxy=`, the environment's, or none.

`NO_PROXY` is read in all the forms that curl, requests and Go know: names, `.name` and `*.name`, addresses, networks
such as `10.0.0.0/8`, each with or without a port, and `*`.
"""

from __future__ import annotations

import os
import re
import urllib.request
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx
from attrs import field, frozen

from aiobench._errors import ConfigurationError
from aiobench._http.settings import is_this_machine

__all__ = ["ChosenProxy", "environment_proxy", "explicit_proxy", "goes_without"]

SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
PORTS = {"http": 80, "https": 443}


@frozen(eq=False)
class ChosenProxy:
    """A proxy, and the setting that names it."""

    http: httpx.Proxy = field(repr=False)  # may hold a password
    source: str

    def __str__(self) -> str:
        url = self.http.url
        return f"the proxy {url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]} ({self.source})"

    @property
    def is_remote(self) -> bool:
        return not is_this_machine(self.http.url.host)


def explicit_proxy(url: str) -> ChosenProxy:
    """Read the argument `proxy=`.

    Raises:
        ConfigurationError: If it is not the URL of a proxy.
    """
    return _proxy(url, "proxy=")


def environment_proxy(url: httpx.URL) -> ChosenProxy | None:
    """Return the proxy that the environment names for *url*; loopback goes without.

    Raises:
        ConfigurationError: If what it names is not the URL of a proxy.
    """
    if is_this_machine(url.host):
        return None
    proxies = urllib.request.getproxies()
    name = next((name for name in (url.scheme, "all") if proxies.get(name)), None)
    if name is None:
        return None
    port = url.port or PORTS[url.scheme]
    if goes_without(url.host, port, proxies.get("no", "")) or urllib.request.proxy_bypass(f"{url.host}:{port}"):
        return None
    found = proxies[name].strip()
    variables = (f"{name}_proxy", f"{name.upper()}_PROXY")
    source = next((variable for variable in variables if os.environ.get(variable)), "the system's settings")
    return _proxy(found if "://" in found else f"http://{found}", source)


def _proxy(url: str, source: str) -> ChosenProxy:
    proxy: httpx.Proxy | None = None
    with suppress(ValueError, TypeError, AttributeError, httpx.InvalidURL):  # whose texts may hold the password
        proxy = httpx.Proxy(url.strip())
    port = None if proxy is None else proxy.url.port
    if proxy is None or not proxy.url.host or proxy.url.scheme not in SCHEMES or not (port is None or 0 < port < 2**16):
        raise ConfigurationError(
            f"the proxy that {source} names must be an http://, https:// or socks5:// URL with a valid host and port"
        )
    return ChosenProxy(proxy, source)


def goes_without(host: str, port: int, no_proxy: str) -> bool:
    """Return whether *no_proxy* lists a host."""
    name = host.strip("[]").rstrip(".").lower()
    address = _address(name)
    return any(_covers(entry, name, address, port) for entry in re.split(r"[\s,]+", no_proxy.lower()) if entry)


def _covers(entry: str, name: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
    if entry == "*":
        return True
    entry, entry_port = _split(entry)
    if entry_port is not None and entry_port != port:
        return False
    if address is not None:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            return False
    if entry.startswith("*."):
        return name.endswith(entry[1:])
    entry = entry.strip(".")
    return bool(entry) and (name == entry or name.endswith(f".{entry}"))


def _split(entry: str) -> tuple[str, int | None]:
    """Split an entry into host and port."""
    found = re.fullmatch(r"\[(?P<v6>[^\]]*)\](?::(?P<v6_port>\d+))?|(?P<host>[^:]*):(?P<port>\d+)", entry)
    if found is None:
        return entry, None
    port = found["v6_port"] or found["port"]
    return found["host"] if found["v6"] is None else found["v6"], int(port) if port else None


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
