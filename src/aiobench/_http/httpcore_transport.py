"""Our own httpx transport: one of httpcore's connections at a time, without a pool.

A pool of one connection costs a seventh to a quarter of a poll's CPU: locks, scopes and a look at the socket when a
response is closed, on top of the one before it is used (`python -m benchmarks poll`).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from types import FunctionType
from typing import Any, NoReturn, cast

import httpcore
import httpx
from attrs import frozen

from aiobench._http.connections import KEEPALIVE
from aiobench._http.http11 import Http11Connection

__all__ = ["OneConnectionTransport", "directly", "through_proxy"]

Connect = Callable[[httpcore.Origin], Awaitable[httpcore.AsyncConnectionInterface]]


def directly(context: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> Connect:
    """Return a function that connects directly to an origin.

    It opens the connection itself: httpcore's `AsyncHTTPConnection`, which opens itself, takes a lock before every
    request, and so a turn of the event loop. Mocking libraries replace a method of that class, so it is used while they
    do.
    """

    async def connect(origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        if is_mocked():
            return httpcore.AsyncHTTPConnection(
                origin, ssl_context=context, keepalive_expiry=KEEPALIVE, network_backend=backend
            )
        host = origin.host.decode("ascii")
        stream = await backend.connect_tcp(host, origin.port)
        if origin.scheme == b"https":
            context.set_alpn_protocols(["http/1.1"])
            stream = await stream.start_tls(context, server_hostname=host)
        return Http11Connection(stream, keep_idle=KEEPALIVE)

    return connect


def is_mocked() -> bool:
    """Return whether a mocking library has replaced httpcore's own sending."""
    return _is_replaced(httpcore.AsyncHTTPConnection.handle_async_request, httpcore.AsyncHTTPConnection.__init__)


def _is_replaced(method: Any, neighbour: Any) -> bool:
    """Return whether another library has replaced a method, which otherwise lives in one module with its neighbour.

    Not by comparing it with what it was when this module was imported: it may have been replaced by then. And by its
    very type, for wrapt's wrappers pass for functions.
    """
    return type(method) is not FunctionType or method.__globals__ is not neighbour.__globals__


def through_proxy(context: ssl.SSLContext, proxy: httpx.Proxy, backend: httpcore.AsyncNetworkBackend) -> Connect:
    """Return a function that connects through a proxy; *context* also applies to the proxy's TLS.

    Of httpcore's pools for proxies, only what makes their connections is used.
    """
    url, auth = str(proxy.url), proxy.raw_auth
    pool: httpcore.AsyncConnectionPool
    if proxy.url.scheme.startswith("socks"):
        pool = httpcore.AsyncSOCKSProxy(
            url, proxy_auth=auth, ssl_context=context, keepalive_expiry=KEEPALIVE, network_backend=backend
        )
    else:
        pool = httpcore.AsyncHTTPProxy(
            url,
            proxy_auth=auth,
            proxy_headers=proxy.headers.raw,
            proxy_ssl_context=context if proxy.url.scheme == "https" else None,
            ssl_context=context,
            keepalive_expiry=KEEPALIVE,
            network_backend=backend,
        )

    async def connect(origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return pool.create_connection(origin)

    return connect


class OneConnectionTransport(httpx.AsyncBaseTransport):
    """A transport for one request at a time to one origin.

    A connection that is closed, or that the server has closed, is replaced.

    Args:
        connect: Makes a connection.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: httpcore.AsyncConnectionInterface | None = None
        self._is_mocked = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            httpx.TransportError: If no response comes.
        """
        # Tracers and mocking libraries replace this method of httpx's own transport, to see requests or to answer them.
        seen_by = httpx.AsyncHTTPTransport.handle_async_request
        if _is_replaced(seen_by, httpx.AsyncHTTPTransport.__init__):
            return await seen_by(_StandIn(self.send), request)
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            response = await self.send(sent)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.ProxyError) as error:
            _raise_as_httpx_does(error)
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Stream(response),
            extensions=response.extensions,
        )

    async def send(self, request: httpcore.Request) -> httpcore.Response:
        """Send a request of httpcore's.

        Raises:
            httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException: If no response comes.
        """
        connection = self._connection
        if (
            connection is None
            or connection.is_closed()
            or connection.has_expired()
            or is_mocked() is not self._is_mocked
        ):
            await self.aclose()
            self._connection, self._is_mocked = None, is_mocked()
            connection = self._connection = await self._connect(request.url.origin)
        return await connection.handle_async_request(request)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()


class _StandIn(httpx.AsyncHTTPTransport):
    """Poses as one of httpx's transports for the method of httpx that a tool has wrapped."""

    def __init__(self, send: Callable[[httpcore.Request], Awaitable[httpcore.Response]]) -> None:
        self._pool = _Pool(send)  # type: ignore[assignment]  # all that the method asks for


@frozen(eq=False)
class _Pool:
    handle_async_request: Callable[[httpcore.Request], Awaitable[httpcore.Response]]


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response
        self._chunks = cast("AsyncIterable[bytes]", response.stream).__aiter__()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            _raise_as_httpx_does(error)

    async def aclose(self) -> None:
        await self._response.aclose()


def _raise_as_httpx_does(error: Exception) -> NoReturn:
    """Raise httpx's exception of the same name."""
    if error.__cause__ is not None:
        # From Python 3.12 on, contextlib's frames hold the error that httpcore translates, and its traceback them: a
        # ring, and all that the callers' frames refer to would hang on it.
        error.__cause__.__traceback__ = None
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    raise kind(str(error)) from error
