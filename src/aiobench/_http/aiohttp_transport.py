"""aiohttp as the transport: half the CPU for large downloads, on asyncio only. Imported only where it is asked for.

Directly on aiohttp rather than by `httpx-aiohttp`, which respells paths and queries (an id of `..` would be another
route, a signed query another one), sends a failed GET twice, and calls each broken connection a timeout.
"""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from anyio.lowlevel import current_token
from yarl import URL

from aiobench._errors import ConfigurationError
from aiobench._http.connections import KEEPALIVE, LONGEST_HEAD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from aiobench._http.environment import ChosenProxy
    from aiobench._http.network import Resolver

__all__ = ["AiohttpTransport"]

T = TypeVar("T")

MOST_HEADERS = 1_000
CHUNK = 128 * 1024  # bytes
NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)  # the caller's scope sets one


class AiohttpTransport(httpx.AsyncBaseTransport):
    """A transport of one connection, without cookies.

    Args:
        context: The TLS context, for the proxy as well.
        proxy: The proxy.
        resolver: Looks up the names.

    Raises:
        ConfigurationError: If the event loop is not asyncio's.
    """

    def __init__(self, context: ssl.SSLContext, proxy: ChosenProxy | None, resolver: Resolver) -> None:
        if not hasattr(current_token().native_token, "call_soon_threadsafe"):
            raise ConfigurationError("transport='aiohttp' runs on asyncio alone; use transport='httpx' here")
        self._proxy = proxy
        self._proxy_url: str | None = None
        self._proxy_headers: dict[str, str] | None = None
        if proxy is not None:
            self._proxy_url = str(proxy.http.url)
            self._proxy_headers = dict(proxy.http.headers)
            if proxy.http.raw_auth is not None:  # as a header: aiohttp's own way is deprecated
                login = b64encode(b":".join(proxy.http.raw_auth)).decode()
                self._proxy_headers["Proxy-Authorization"] = f"Basic {login}"
        self._resolver = _Resolver(resolver)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1, keepalive_timeout=KEEPALIVE, ssl=context, resolver=self._resolver, use_dns_cache=False
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=NO_TIMEOUT,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            max_line_size=LONGEST_HEAD,  # a line may take what h11 allows the whole head
            max_field_size=LONGEST_HEAD,
            max_headers=MOST_HEADERS,
            middlewares=(self._send_once,),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            httpx.TransportError: If no response comes.
        """
        answer = self._session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=request.headers.multi_items(),
            data=await request.aread() or None,
            allow_redirects=False,
            compress=False,
            proxy=self._proxy_url,
            proxy_headers=self._proxy_headers,
        )
        response = await _translated(answer, self._proxy)
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Stream(response, self._proxy))

    async def aclose(self) -> None:
        await self._session.close()

    async def _send_once(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Translate errors inside aiohttp, which would otherwise resend a failed GET, bypassing our own retries."""
        return await _translated(handler(request), self._proxy, self._resolver)


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse, proxy: ChosenProxy | None) -> None:
        self._response = response
        self._proxy = proxy

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await _translated(self._response.content.readany(), self._proxy)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._response.release() if self._response.content.is_eof() else self._response.close()


async def _translated(step: Awaitable[T], proxy: ChosenProxy | None, resolver: _Resolver | None = None) -> T:
    """Await a step; raise httpx's exceptions instead of aiohttp's, which hold the request and cannot be pickled."""
    try:
        return await step
    except (aiohttp.ClientError, OSError) as error:
        failure = _as_httpx(error, proxy, resolver.found if resolver is not None else ())
        cause = error if isinstance(error, OSError) else None
        if isinstance(error, aiohttp.ClientConnectorError):
            cause = error.os_error
    try:
        raise failure from cause  # not above, where aiohttp's would be its context
    finally:
        del failure, cause  # this frame must not hold them either


def _as_httpx(
    error: aiohttp.ClientError | OSError, proxy: ChosenProxy | None, addresses: Sequence[str]
) -> httpx.TransportError:
    match error:
        case aiohttp.ClientProxyConnectionError():
            return httpx.ProxyError(f"{proxy} cannot be reached: {error.os_error}")
        case aiohttp.ClientHttpProxyError():
            return httpx.ProxyError(f"{proxy} answered HTTP {error.status}")
        case aiohttp.ClientConnectorError():
            why = str(error.os_error) or str(error)
            if len(addresses) > 1:  # aiohttp keeps the error of the last one alone
                why = f"none of {', '.join(addresses)} answers; the last: {why}"
            return httpx.ConnectError(why)
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return httpx.ReadTimeout(str(error))
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return httpx.RemoteProtocolError(getattr(error, "message", None) or str(error))
        case _:
            return httpx.ReadError(str(error) or type(error).__name__)


class _Resolver(AbstractResolver):
    """Resolves names as the other transport does. aiohttp's own resolver uses the event loop's threads."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.found: Sequence[str] = ()  # by the latest lookup

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's
    ) -> list[ResolveResult]:
        self.found = await self._resolver.addresses(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.found
        ]

    async def close(self) -> None:
        pass
