"""The network under httpcore: sockets that no cancellation leaves open, and addresses that were checked."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

if TYPE_CHECKING:
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["Network"]

PATIENCE = 3.0  # seconds for an address that is not the last one
PIECE = 128 * 1024  # bytes that are read at a time; every piece costs httpcore steps and a look at the clock


class Network(httpcore.AsyncNetworkBackend):
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
            try:
                with anyio.fail_after(timeout if address is addresses[-1] else PATIENCE):
                    return _Stream(await anyio.connect_tcp(address, port, local_host=local_address))
            except OSError as error:  # another address may be reachable
                failure = error
        try:
            if isinstance(failure, TimeoutError):
                raise httpcore.ConnectTimeout(str(failure)) from failure
            raise httpcore.ConnectError(str(failure or f"the host {host} has no address")) from failure
        finally:
            del failure  # else it and this frame would hold each other


async def _checked(rules: ResultURLRules, host: str, port: int) -> list[str]:
    try:
        return await rules.addresses(host, port)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the host {host} is not known: {error}") from error


class _Stream(httpcore.AsyncNetworkStream):
    """A stream without limits of time, which the caller's scope sets; closed when its TLS handshake is cancelled.

    httpcore's own would be left open then, and makes a scope for each read and each write.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            secure = await TLSStream.wrap(
                self._stream,
                server_side=False,
                hostname=server_hostname,
                ssl_context=ssl_context,
                standard_compatible=False,
            )
        except (anyio.BrokenResourceError, anyio.EndOfStream, OSError) as error:
            await anyio.aclose_forcefully(self._stream)
            raise httpcore.ConnectError(str(error)) from error
        except BaseException:
            await anyio.aclose_forcefully(self._stream)
            raise
        return _Stream(secure)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return await self._stream.receive(max(max_bytes, PIECE))
        except anyio.EndOfStream:
            return b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            if buffer:
                await self._stream.send(buffer)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - not Django's
        if info == "is_readable":  # of a connection at rest: closed by the server
            return _is_readable(self._stream.extra(SocketAttribute.raw_socket))  # noqa: S610 - nor here
        return None


def _is_readable(raw: socket.socket) -> bool:
    if raw.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([raw], [], [], 0)[0])
    poll = select.poll()
    poll.register(raw, select.POLLIN)
    return bool(poll.poll(0))
