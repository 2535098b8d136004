"""aiohttp as the transport: a third less CPU than httpx's own, on asyncio only. Imported only where it is asked for."""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from aiobench._http.connections import KEEPALIVE
from aiobench._http.one_connection import ONE_CONNECTION

if TYPE_CHECKING:
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["make_transport"]


class _GuardedResolver(AbstractResolver):
    """Gives aiohttp only addresses that were checked."""

    def __init__(self, rules: ResultURLRules) -> None:
        self._rules = rules

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._rules.addresses(host, port)
        ]

    async def close(self) -> None:
        pass


def make_transport(
    context: ssl.SSLContext, proxy: httpx.Proxy | None, rules: ResultURLRules | None
) -> httpx.AsyncBaseTransport:
    """Make a transport of one connection, without cookies."""

    def session() -> aiohttp.ClientSession:
        resolver = None if rules is None else _GuardedResolver(rules)
        connector = aiohttp.TCPConnector(limit=1, keepalive_timeout=KEEPALIVE, ssl=context, resolver=resolver)
        made = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        # else it sends a failed GET twice, past the retries and the budget that are ours
        made._retry_connection = False  # noqa: SLF001
        send = made.request

        def send_as_is(*, url: str, **settings: Any) -> object:
            return send(url=URL(url, encoded=True), **settings)

        # else it respells the path, so that an id of `..` is another route, and the query, which may be signed
        object.__setattr__(made, "request", send_as_is)
        return made

    if proxy is not None and proxy.raw_auth is not None:  # as a header: aiohttp's own way is deprecated
        login = b64encode(b":".join(proxy.raw_auth)).decode()
        proxy = httpx.Proxy(proxy.url, headers={**proxy.headers, "Proxy-Authorization": f"Basic {login}"})
    return AiohttpTransport(verify=context, trust_env=False, limits=ONE_CONNECTION, proxy=proxy, client=session)
