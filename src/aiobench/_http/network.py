"""The network under httpcore: sockets that no cancellation leaves open, and addresses that were checked."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import anyio
import httpcore

if TYPE_CHECKING:
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["Network"]

PATIENCE = 3.0  # seconds for an address that is not the last one


class Network(httpcore.AnyIOBackend):
    """Dials for httpcore.

    Args:
        rules: Which addresses may be dialled; names are looked up here then, and what was found is dialled, so that no
            second look-up can say something else. None: any.
    """

    def __init__(self, rules: ResultURLRules | None = None) -> None:
        self._rules = rules

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = [host] if self._rules is None else await _checked(self._rules, host, port)
        failure: Exception | None = None
        for address in addresses:
            patience = timeout if address is addresses[-1] else PATIENCE
            try:
                return _Stream(await super().connect_tcp(address, port, patience, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:  # another address may be reachable
                failure = error
        raise failure or httpcore.ConnectError(f"the host {host} has no address")


async def _checked(rules: ResultURLRules, host: str, port: int) -> list[str]:
    try:
        return await rules.addresses(host, port)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the host {host} is not known: {error}") from error


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that is closed when its TLS handshake is cancelled; httpcore's own would be left open."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
            raise

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
