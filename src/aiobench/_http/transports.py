"""How one connection is made: directly or through a proxy, by our own transport or another."""

from __future__ import annotations

import os
import ssl
import sys
import threading
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio
import httpx
import msgspec

from aiobench._errors import ConfigurationError, MissingExtraError
from aiobench._http.environment import ChosenProxy, default_context, environment_proxy, explicit_proxy
from aiobench._values import Value

if TYPE_CHECKING:
    from aiobench._http.network import AddressCheck

__all__ = ["LOOKUPS", "TransportMaker", "TransportOption"]

TransportOption: TypeAlias = Literal["httpx", "aiohttp"] | Callable[[], httpx.AsyncBaseTransport]

LOOKUPS = 8  # threads that look names up and read certificates: not those of the user


class TransportMaker(Value, frozen=True):
    """Creates one-connection transports with the same settings and a shared TLS context.

    Attributes:
        check_addresses: For results: refuses addresses that may not be dialled.
        carries_key: Whether requests carry the key, which no proxy on another machine may read.
    """

    option: TransportOption
    proxy: str | None = None
    trust_env: bool = True
    ssl_context: ssl.SSLContext | None = None
    check_addresses: AddressCheck | None = None
    carries_key: bool = True
    allow_plain_http: bool = False
    _made_context: list[ssl.SSLContext] = msgspec.field(default_factory=list)
    # by lambdas, for anyio imports what these take (20 ms) only when somebody names one
    _making_context: anyio.Lock = msgspec.field(default_factory=lambda: anyio.Lock())  # noqa: PLW0108
    _threads: anyio.CapacityLimiter = msgspec.field(default_factory=lambda: anyio.CapacityLimiter(LOOKUPS))

    def check(self, url: httpx.URL) -> None:
        """Reject settings that cannot work and import what they need, before the first request.

        An import holds up the event loop for 20 to 100 ms; httpx, too, puts it off until a client is made.

        Args:
            url: The base URL.

        Raises:
            ConfigurationError: If the proxy is not a URL, or a SOCKS proxy that the transport cannot use, or would read
                the key, or the transport option is not one of those there are.
            MissingExtraError: If the transport needs a package that is not installed.
        """
        from importlib.util import find_spec

        if self.option == "aiohttp":
            if find_spec("aiohttp") is None:
                raise MissingExtraError("transport='aiohttp'", extra="aiohttp")
        elif self.option != "httpx" and not callable(self.option):
            raise ConfigurationError(f"transport must be 'httpx', 'aiohttp' or a factory, not {self.option!r}")
        if self.proxy is not None:
            self._checked(explicit_proxy(self.proxy), url)
        for module in ("network", "aiohttp_transport" if self.option == "aiohttp" else "httpcore_transport"):
            _import(f"aiobench._http.{module}")

    async def make(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """Create a transport for requests to *url*. It opens no connection yet.

        Raises:
            ConfigurationError: If the proxy, the certificates or the factory cannot be used.
        """
        if callable(self.option):
            return self._made_by_factory(self.option)
        proxy = self.proxy_for(url)
        is_secure = url.scheme == "https" or (proxy is not None and proxy.http.url.scheme == "https")
        context = await self._context() if is_secure else _no_tls()
        from aiobench._http.network import Network, Resolver

        resolver = Resolver(self._threads, None if proxy is not None else self.check_addresses)
        if self.option == "aiohttp":
            from aiobench._http.aiohttp_transport import AiohttpTransport

            return AiohttpTransport(context, proxy, resolver)
        from aiobench._http.httpcore_transport import OneConnectionTransport, directly, through_proxy

        if proxy is None:
            return OneConnectionTransport(directly(context, Network(resolver)))
        return OneConnectionTransport(through_proxy(context, proxy.http, Network(resolver, whom=str(proxy))))

    def proxy_for(self, url: httpx.URL) -> ChosenProxy | None:
        """Choose the proxy for *url*.

        Raises:
            ConfigurationError: If it cannot be used.
        """
        if self.proxy is not None:
            return self._checked(explicit_proxy(self.proxy), url)
        found = environment_proxy(url) if self.trust_env else None
        return None if found is None else self._checked(found, url)

    def _checked(self, proxy: ChosenProxy, url: httpx.URL) -> ChosenProxy:
        if proxy.http.url.scheme.startswith("socks"):
            from importlib.util import find_spec

            if self.option == "aiohttp":  # would take it for an HTTP proxy, and send it the key
                raise ConfigurationError("transport='aiohttp' cannot use a SOCKS proxy; transport='httpx' can")
            if self.option == "httpx" and find_spec("socksio") is None:
                raise ConfigurationError("a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'")
        if self.carries_key and url.scheme == "http" and proxy.is_remote and not self.allow_plain_http:
            raise ConfigurationError(
                f"{proxy} is on another machine and would read the key in requests to {url.scheme}://{url.host}; "
                "use https:// as the base URL, or allow_plain_http=True"
            )
        return proxy

    def _made_by_factory(self, factory: Callable[[], httpx.AsyncBaseTransport]) -> httpx.AsyncBaseTransport:
        made = factory()
        if not hasattr(made, "handle_async_request"):
            raise ConfigurationError(
                f"transport= must make asynchronous httpx transports, such as httpx.AsyncHTTPTransport(), not {made!r}"
            )
        return made

    async def _context(self) -> ssl.SSLContext:
        if self.ssl_context is not None:
            return self.ssl_context
        async with self._making_context:
            if not self._made_context:  # reads files, so not on the loop
                import anyio.to_thread

                make = partial(default_context, os.environ, trust_env=self.trust_env)
                self._made_context.append(await anyio.to_thread.run_sync(make, limiter=self._threads))
        return self._made_context[0]


def _import(module: str) -> None:
    """Import a module in a thread, so that no frame of the caller is below it.

    While trio is imported, it makes a ring of frames that reaches down to the caller's. A client that is being made
    there would stay until the garbage collector comes by (F40).
    """
    if module not in sys.modules:
        thread = threading.Thread(target=import_module, args=(module,), name="aiobench-import", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the program is ending, or the system has no more threads
            import_module(module)
        else:
            thread.join()


@cache
def _no_tls() -> ssl.SSLContext:
    """Return a dummy context for plain http, so that httpcore does not create one each time."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
