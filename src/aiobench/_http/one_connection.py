"""httpx's transport on one of httpcore's connections, without the pool in between.

A pool of one connection costs a seventh to a quarter of a poll's CPU: locks, scopes and a look at the socket when a
response is closed, on top of the one before it is used (`python -m benchmarks poll`).
"""

from __future__ import annotations

import ssl

import httpcore
import httpx

from aiobench._http.connections import KEEPALIVE

__all__ = ["ONE_CONNECTION", "OneConnectionTransport", "ProxiedTransport"]

ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEPALIVE)


class OneConnectionTransport(httpx.AsyncHTTPTransport):
    """A transport for one request at a time to one origin, directly.

    httpx has no argument for what it puts httpcore's requests on, so that is replaced, by httpcore's public class.

    Args:
        context: The TLS context.
        backend: What dials.
    """

    def __init__(self, context: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> None:
        super().__init__(verify=context, trust_env=False, limits=ONE_CONNECTION)
        self._pool = _OneConnection(context, backend)  # type: ignore[assignment]  # the part of a pool that httpx uses


class _OneConnection:
    """A connection that is replaced when it is closed, or the server has closed it."""

    def __init__(self, context: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> None:
        self._context = context
        self._backend = backend
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        connection = self._connection
        if connection is None or connection.is_closed() or connection.has_expired():
            await self.aclose()
            connection = self._connection = httpcore.AsyncHTTPConnection(
                request.url.origin,
                ssl_context=self._context,
                keepalive_expiry=KEEPALIVE,
                network_backend=self._backend,
            )
        return await connection.handle_async_request(request)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()


class ProxiedTransport(httpx.AsyncHTTPTransport):
    """A transport for one request at a time, through a proxy: httpx's own, but for what dials.

    Args:
        context: The TLS context for the server.
        proxy: The proxy.
        backend: What dials an HTTP proxy; for a SOCKS proxy httpcore's own does.

    Raises:
        ImportError: If it is a SOCKS proxy and the package for that is missing.
    """

    def __init__(self, context: ssl.SSLContext, proxy: httpx.Proxy, backend: httpcore.AsyncNetworkBackend) -> None:
        super().__init__(verify=context, trust_env=False, limits=ONE_CONNECTION, proxy=proxy)
        if proxy.url.scheme in {"http", "https"}:
            self._pool = httpcore.AsyncHTTPProxy(
                proxy_url=str(proxy.url),
                proxy_auth=proxy.raw_auth,
                proxy_headers=proxy.headers.raw,
                proxy_ssl_context=proxy.ssl_context,
                ssl_context=context,
                max_connections=1,
                max_keepalive_connections=1,
                keepalive_expiry=KEEPALIVE,
                network_backend=backend,
            )
