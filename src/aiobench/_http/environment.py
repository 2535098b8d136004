"""What the environment says of a connection: which proxy it goes through, and which authorities sign certificates.

`NO_PROXY` is read in all the forms that curl, requests and Go know: names, `.name` and `*.name`, addresses, networks
such as `10.0.0.0/8`, each with or without a port, and `*`.
"""

from __future__ import annotations

import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import httpx

from aiobench._errors import ConfigurationError
from aiobench._http.settings import is_this_machine
from aiobench._values import Value

__all__ = ["ChosenProxy", "default_context", "environment_proxy", "explicit_proxy", "goes_without"]

SCHEMES = frozenset({"http", "https", "socks5", "socks5h"})
PORTS = {"http": 80, "https": 443}
# as httpx and OpenSSL know them, then as requests and curl do
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
KEY_LOG = "SSLKEYLOGFILE"


class ChosenProxy(Value, frozen=True):
    """A proxy, and the setting that names it."""

    http: httpx.Proxy
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
    there = {variable for variable, value in os.environ.items() if value}  # as they are spelled: Windows finds any case
    variables = (f"{name}_proxy", f"{name.upper()}_PROXY")
    source = next((variable for variable in variables if variable in there), "the system's settings")
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


def default_context(environ: Mapping[str, str], *, trust_env: bool) -> ssl.SSLContext:
    """Create the TLS context. This reads files for 30 to 180 ms.

    Args:
        environ: The environment.
        trust_env: Whether it chooses the authorities. Python itself reads `SSLKEYLOGFILE` in any case.

    Raises:
        ConfigurationError: If a file that the environment names cannot be read, or its keys not be logged.
    """
    name = next((name for name in AUTHORITIES if environ.get(name)), None) if trust_env else None
    try:
        if name is None:
            return httpx.create_ssl_context(trust_env=False)
        path = Path(environ[name]).expanduser()
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        if (log := environ.get(KEY_LOG)) and not _can_be_written(log):
            raise ConfigurationError(f"the key log {log!r} that {KEY_LOG} names cannot be written: {error}") from error
        if name is None:
            raise ConfigurationError(f"the certificate authorities cannot be read: {error}") from error
        raise ConfigurationError(
            f"the certificate authorities in {environ[name]!r}, which {name} names, cannot be read: {error}"
        ) from error


def _can_be_written(path: str) -> bool:
    try:
        with Path(path).open("ab"):
            return True
    except OSError:
        return False
