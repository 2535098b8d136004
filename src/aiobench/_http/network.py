"""The network below httpcore: resolves names in our own threads and leaks no socket when cancelled."""

from __future__ import annotations

import select
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeAlias

import anyio
import anyio.to_thread
import httpcore
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

__all__ = ["PIECE", "AddressCheck", "Network", "Resolver", "reasons_of"]

PATIENCE = 1.0  # seconds for an address that is not the last one
PIECE = 128 * 1024  # bytes that are read at a time; every piece costs steps of h11 and a look at the clock

AddressCheck: TypeAlias = Callable[[str, Sequence[str]], None]


class Resolver:
    """Resolves names, in threads that the user's own work cannot exhaust.

    Args:
        threads: How many there may be at once.
        check: Raises if the addresses of a host are not fine. They are the ones that are dialled, so that no second
            look-up can say something else.
    """

    def __init__(self, threads: anyio.CapacityLimiter, check: AddressCheck | None = None) -> None:
        self._threads = threads
        self._check = check

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return a host's addresses without duplicates.

        Raises:
            OSError: If it has none.
        """
        found = [host]
        if not _is_address(host):
            look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            try:
                entries = await anyio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._threads)
            except UnicodeError as error:  # a label that is empty or too long
                raise OSError(f"{error}") from error
            found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        if self._check is not None:
            self._check(host, found)
        return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class Network(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore.

    Args:
        resolver: Looks up the names.
        whom: What errors call the host being dialled, if it is a proxy.
    """

    def __init__(self, resolver: Resolver, whom: str = "") -> None:
        self._resolver = resolver
        self._whom = whom

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._resolver.addresses(host, port)
        except OSError as error:
            raise self._failed(f"the name of the host {host} cannot be looked up: {error}") from error
        failures: dict[str, Exception] = {}
        try:
            for address in addresses:
                try:
                    with anyio.fail_after(timeout if address is addresses[-1] else PATIENCE):
                        return _Stream(await anyio.connect_tcp(address, port, local_host=local_address))
                except OSError as error:  # another address may be reachable
                    failures[address] = error
            why = "; ".join(
                f"{address}: {reasons_of(error)}" if len(failures) > 1 else reasons_of(error)
                for address, error in failures.items()
            )
            raise self._failed(why or f"the host {host} has no address") from next(iter(failures.values()), None)
        finally:
            del failures  # they and this frame would hold each other

    def _failed(self, why: str) -> httpcore.NetworkError | httpcore.ProxyError:
        if self._whom:
            return httpcore.ProxyError(f"{self._whom} cannot be reached: {why}")
        return httpcore.ConnectError(why)


def reasons_of(error: BaseException) -> str:
    """Describe why something failed; for a group of errors, each reason once."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(reasons_of(each) for each in error.exceptions))
    if error.__cause__ is not None:  # anyio's own says no more than that all attempts failed
        return reasons_of(error.__cause__)
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)


class _Stream(httpcore.AsyncNetworkStream):
    """A stream without timeouts, which the caller's scope sets. A cancelled TLS handshake closes it.

    httpcore's own would be left open then, and makes a scope for each read and each write.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        # once: anyio asks the system for both addresses each time, which costs a twentieth of a poll
        self._socket: socket.socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's

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
            return self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - nor here
        if info == "is_readable":  # of a connection at rest: closed by the server
            return _is_readable(self._socket)
        return None


def _is_readable(raw: socket.socket) -> bool:
    if raw.fileno() < 0:
        return True
    if sys.platform == "win32":
        return bool(select.select([raw], [], [], 0)[0])
    poll = select.poll()
    poll.register(raw, select.POLLIN)
    return bool(poll.poll(0))
