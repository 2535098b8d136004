"""Our own httpx transport: one connection at a time, without a pool.

A pool of one connection costs a seventh to a quarter of a poll's CPU: locks, scopes and a look at the socket when a
response is closed, on top of the one before it is used (`python -m benchmarks poll`).
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from types import FunctionType
from typing import Any, NoReturn, Protocol, cast

import httpcore
import httpx
from attrs import frozen

from aiobench._http.connections import KEEPALIVE
from aiobench._http.http11 import Headers, Http11Connection, Received, ReplyBody

__all__ = ["OneConnectionTransport", "directly", "through_proxy"]

DEFAULT_PORTS = {b"http": 80, b"https": 443}


class Connection(Protocol):
    """A connection to one origin, for one exchange at a time."""

    async def exchange(
        self, method: bytes, target: bytes, headers: Headers, content: AsyncIterable[bytes]
    ) -> Received: ...

    async def aclose(self) -> None: ...

    def is_closed(self) -> bool: ...

    def has_expired(self) -> bool: ...


Connect = Callable[[httpcore.Origin], Awaitable[Connection]]


def directly(context: ssl.SSLContext, backend: httpcore.AsyncNetworkBackend) -> Connect:
    """Return a function that connects directly to an origin.

    Mocking libraries replace a method of httpcore's own connection, so that one is used while they do.
    """

    async def connect(origin: httpcore.Origin) -> Connection:
        if is_mocked():
            mocked = httpcore.AsyncHTTPConnection(
                origin, ssl_context=context, keepalive_expiry=KEEPALIVE, network_backend=backend
            )
            return _OfHttpcore(origin, mocked)
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

    async def connect(origin: httpcore.Origin) -> Connection:
        return _OfHttpcore(origin, pool.create_connection(origin))

    return connect


@frozen(eq=False)
class _OfHttpcore:
    """One of httpcore's connections, which go through proxies of all kinds."""

    _origin: httpcore.Origin
    _connection: httpcore.AsyncConnectionInterface

    async def exchange(self, method: bytes, target: bytes, headers: Headers, content: AsyncIterable[bytes]) -> Received:
        scheme, host, port = self._origin.scheme, self._origin.host, self._origin.port
        in_url = None if DEFAULT_PORTS.get(scheme) == port else port  # a proxy is sent the URL
        url = httpcore.URL(scheme=scheme, host=host, port=in_url, target=target)
        request = httpcore.Request(method, url, headers=headers, content=content)
        response = await self._connection.handle_async_request(request)
        return Received(response.status, response.headers, cast("ReplyBody", response.stream), response.extensions)

    async def aclose(self) -> None:
        await self._connection.aclose()

    def is_closed(self) -> bool:
        return self._connection.is_closed()

    def has_expired(self) -> bool:
        return self._connection.has_expired()


class OneConnectionTransport(httpx.AsyncBaseTransport):
    """A transport for one request at a time, all to one origin.

    A connection that is closed, or that the server has closed, is replaced.

    Args:
        connect: Makes a connection.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._is_mocked = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            httpx.TransportError: If no response comes.
        """
        # Tracers and mocking libraries replace this method of httpx's own transport, to see requests or to answer them.
        seen_by = httpx.AsyncHTTPTransport.handle_async_request
        if _is_replaced(seen_by, httpx.AsyncHTTPTransport.__init__):
            return await seen_by(_StandIn(self), request)
        url = request.url
        try:
            connection = await self.connection(
                lambda: httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin
            )
            content = cast("AsyncIterable[bytes]", request.stream)
            received = await connection.exchange(request.method.encode(), url.raw_path, request.headers.raw, content)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, httpcore.ProxyError) as error:
            _raise_as_httpx_does(error)
        return httpx.Response(
            received.status,
            headers=received.headers,
            stream=_Stream(received.stream),
            extensions=received.extensions,
        )

    async def connection(self, origin: Callable[[], httpcore.Origin]) -> Connection:
        """Return a connection that can be used.

        Raises:
            httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError: If there is none.
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
            connection = self._connection = await self._connect(origin())
        return connection

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.aclose()


class _StandIn(httpx.AsyncHTTPTransport):
    """Poses as one of httpx's transports for the method of httpx that a tool has wrapped."""

    def __init__(self, transport: OneConnectionTransport) -> None:
        self._pool = _Pool(transport)  # type: ignore[assignment]  # all that the method asks for


@frozen(eq=False)
class _Pool:
    _transport: OneConnectionTransport

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        connection = await self._transport.connection(lambda: request.url.origin)
        content = cast("AsyncIterable[bytes]", request.stream)
        received = await connection.exchange(request.method, request.url.target, request.headers, content)
        return httpcore.Response(
            received.status, headers=received.headers, content=received.stream, extensions=received.extensions
        )


class _Stream(httpx.AsyncByteStream):
    def __init__(self, stream: ReplyBody) -> None:
        self._stream = stream
        self._chunks = stream.__aiter__()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            _raise_as_httpx_does(error)

    async def aclose(self) -> None:
        await self._stream.aclose()


def _raise_as_httpx_does(error: Exception) -> NoReturn:
    """Raise httpx's exception of the same name."""
    if error.__cause__ is not None:
        # From Python 3.12 on, contextlib's frames hold the error that httpcore translates, and its traceback them: a
        # ring, and all that the callers' frames refer to would hang on it.
        error.__cause__.__traceback__ = None
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    raise kind(str(error)) from error
