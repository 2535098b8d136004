"""httpx's transport for results: it dials only addresses that were checked."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING

import httpcore

from aiobench._http.one_connection import OneConnectionTransport

if TYPE_CHECKING:
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["GuardedTransport"]

PATIENCE = 3.0  # seconds for an address that is not the last one


class _GuardedBackend(httpcore.AnyIOBackend):
    """Looks names up itself and dials what it found, so that no second look-up can say something else."""

    def __init__(self, rules: ResultURLRules) -> None:
        self._rules = rules

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._rules.addresses(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {host} is not known: {error}") from error
        failure: Exception | None = None
        for address in addresses:
            patience = timeout if address is addresses[-1] else PATIENCE
            try:
                return await super().connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:  # another address may be reachable
                failure = error
        raise failure or httpcore.ConnectError(f"the host {host} has no address")


class GuardedTransport(OneConnectionTransport):
    """A transport of one connection whose network backend checks addresses."""

    def __init__(self, context: ssl.SSLContext, rules: ResultURLRules) -> None:
        super().__init__(context, _GuardedBackend(rules))
