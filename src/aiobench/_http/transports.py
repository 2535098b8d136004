"""How one connection is made: directly or through a proxy, by httpx's own transport or another."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio
import httpx
from attrs import field, frozen

from aiobench._errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["TransportMaker", "TransportOption"]

TransportOption: TypeAlias = Literal["httpx", "aiohttp"] | Callable[[], httpx.AsyncBaseTransport]


@frozen
class TransportMaker:
    """Makes transports of one connection each, all with the same settings and one TLS context."""

    option: TransportOption
    rules: ResultURLRules | None  # for results: which addresses may be dialled
    proxy: str | None = field(repr=False)  # may hold a password
    trust_env: bool
    ssl_context: ssl.SSLContext | None
    _made_context: list[ssl.SSLContext] = field(factory=list, repr=False)
    # by a lambda, for anyio imports what locks take (20 ms) only when somebody names one
    _making_context: anyio.Lock = field(factory=lambda: anyio.Lock(), repr=False)  # noqa: PLW0108

    def check(self) -> None:
        """Refuse settings that could not work, and import what they take, before the first request.

        An import holds up the event loop for 20 to 100 ms; httpx, too, puts it off until a client is made.

        Raises:
            ConfigurationError: If the proxy is not a URL, or a SOCKS proxy that the transport cannot use, or the
                transport option not one of those there are.
            MissingExtraError: If the transport needs a package that is not installed.
        """
        if self.option == "aiohttp":
            if find_spec("httpx_aiohttp") is None:
                raise MissingExtraError("transport='aiohttp'", extra="aiohttp")
        elif self.option != "httpx" and not callable(self.option):
            raise ConfigurationError(f"transport must be 'httpx', 'aiohttp' or a factory, not {self.option!r}")
        if self.proxy is not None:
            self._checked(self.proxy)
        for module in ("aiohttp_transport",) if self.option == "aiohttp" else ("network", "one_connection"):
            import_module(f"aiobench._http.{module}")

    async def make(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """Make a transport for requests to *url*; no connection is opened yet."""
        if callable(self.option):
            return self.option()
        proxy_url = self._proxy_for(url)
        secure = url.scheme == "https" or (proxy_url or "").startswith("https")
        context = await self._context() if secure else _no_tls()
        proxy = None if proxy_url is None else self._checked(proxy_url)
        rules = self.rules if proxy is None else None  # a proxy does its own dialling
        if self.option == "aiohttp":
            from aiobench._http.aiohttp_transport import make_transport

            return make_transport(context, proxy, rules)
        from aiobench._http.network import Network
        from aiobench._http.one_connection import OneConnectionTransport, ProxiedTransport

        if proxy is None:
            return OneConnectionTransport(context, Network(rules))
        return ProxiedTransport(context, proxy, Network())

    def _checked(self, url: str) -> httpx.Proxy:
        proxy = _proxy(url)
        if proxy.url.scheme.startswith("socks"):
            if self.option == "aiohttp":  # would take it for an HTTP proxy, and send it the key
                raise ConfigurationError("transport='aiohttp' cannot use a SOCKS proxy; transport='httpx' can")
            if self.option == "httpx" and find_spec("socksio") is None:
                raise ConfigurationError("a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'")
        return proxy

    def _proxy_for(self, url: httpx.URL) -> str | None:
        if self.proxy is not None:
            return self.proxy
        if not self.trust_env:
            return None
        proxies = urllib.request.getproxies()
        found = proxies.get(url.scheme) or proxies.get("all")
        if not found or urllib.request.proxy_bypass(f"{url.host}:{url.port}" if url.port else url.host):
            return None
        return found if "://" in found else f"http://{found}"

    async def _context(self) -> ssl.SSLContext:
        if self.ssl_context is not None:
            return self.ssl_context
        async with self._making_context:
            if not self._made_context:  # reads the system's certificates: 30 to 180 ms, so not on the loop
                import anyio.to_thread

                make = httpx.create_ssl_context
                try:
                    context = await anyio.to_thread.run_sync(lambda: make(trust_env=self.trust_env))
                except OSError as error:
                    what = "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"
                    raise ConfigurationError(f"{what}: {error}") from error
                self._made_context.append(context)
        return self._made_context[0]


def _proxy(url: str) -> httpx.Proxy:
    try:
        return httpx.Proxy(url)
    except (ValueError, TypeError, httpx.InvalidURL):  # its text may hold the password
        what = "the proxy (proxy=, or of the environment) must be an http://, https:// or socks5:// URL"
        raise ConfigurationError(what) from None


@cache
def _no_tls() -> ssl.SSLContext:
    """Return a context for plain http: given so that httpx does not make one each time."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
