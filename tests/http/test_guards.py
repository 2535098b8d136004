"""Guards: one event loop, one process, until closed (F23)."""

from __future__ import annotations

import os

import anyio
import pytest

from aiobench import ClientClosedError, ForkedClientError, WrongEventLoopError
from aiobench._http.guards import Guard


async def check(guard: Guard) -> None:
    """Use what is guarded, in the running loop."""
    guard.check()


def test_first_use_decides_the_loop(anyio_backend: str) -> None:
    """A guard that was never used may be used anywhere; afterwards in that loop alone."""
    guard = Guard()

    async def twice() -> bool:
        await check(guard)
        await check(guard)
        return guard.is_used

    assert not guard.is_used
    assert anyio.run(twice, backend=anyio_backend)
    with pytest.raises(WrongEventLoopError, match=r"another event loop.*aiobench\.sync"):
        anyio.run(check, guard, backend=anyio_backend)


@pytest.mark.anyio
async def test_child_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork the error asks the child to make its own client."""
    guard = Guard()
    guard.check()
    monkeypatch.setattr(os, "getpid", lambda: -1)

    assert guard.is_forked
    with pytest.raises(ForkedClientError, match="make a new one in the child process"):
        guard.check()


@pytest.mark.anyio
async def test_closed_comes_first() -> None:
    """What is closed says so, whatever else is wrong."""
    guard = Guard()
    guard.is_closed = True

    with pytest.raises(ClientClosedError, match="closed; make a new one"):
        guard.check()
