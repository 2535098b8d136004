"""Connections under cancellation, contention, closing and stale keep-alives: F02, F03, and closing a client."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import anyio
import httpx
import pytest

from aiobench import Client, ClientClosedError
from faults import leaks
from faults.everywhere import EVERYWHERE
from faults.secrets import raises
from faults.server import Answer, Exchange, FaultServer, answer, hold, then_close

pytestmark = pytest.mark.anyio

CANCELLATIONS = int(os.environ.get("AIOBENCH_CANCELLATIONS", "2000"))


def lent(client: Client) -> str:
    """Show the state of the connections."""
    return repr(client._context.platform.session._api)


@pytest.mark.timeout(1800)
@EVERYWHERE
async def test_random_cancellations_leak_nothing(
    server: FaultServer, new_client: Callable[..., Client], seed: int
) -> None:
    """F02: after thousands of cancellations at random moments every slot, socket and task is there again."""
    for each in range(40):
        server.add_job(f"j{each}", "in_progress", padding="x" * 20_000)
    client = new_client(max_connections=10, max_retries=0)
    rng = random.Random(seed)
    tasks_before, threads_before = leaks.tasks(), leaks.threads()
    cancelled = finished = 0

    async def worker(job_id: str, limits: list[float]) -> None:
        nonlocal cancelled, finished
        while cancelled < CANCELLATIONS:
            limit = rng.choice(limits)
            with anyio.move_on_after(limit * rng.random()) as scope:
                await client.job(job_id).check_status()
                finished += 1
            cancelled += scope.cancelled_caught

    async with anyio.create_task_group() as workers:
        for each in range(40):
            workers.start_soon(worker, f"j{each}", [9.0] if each < 4 else [0.0, 0.002, 0.01, 0.05])

    async with anyio.create_task_group() as plain:  # nothing is stuck: every plain request succeeds
        for each in range(100):
            plain.start_soon(client.job(f"j{each % 40}").check_status)
    assert cancelled >= CANCELLATIONS
    assert finished > 0
    assert "lent=0" in lent(client)
    assert leaks.sockets_to(server.port) <= 10
    await client.aclose()
    assert await leaks.settle(lambda: leaks.sockets_to(server.port), 0) == 0
    assert await leaks.settle(leaks.tasks, tasks_before) == tasks_before
    assert leaks.threads() == threads_before


@EVERYWHERE
async def test_native_cancellation_leaks_nothing(
    server: FaultServer, new_client: Callable[..., Client], anyio_backend: str, seed: int
) -> None:
    """F02: `asyncio.Task.cancel()`, which knows no shields, gives every slot and socket back as well."""
    if anyio_backend != "asyncio":
        return
    import asyncio

    server.add_job("j", padding="x" * 20_000)
    client = new_client(max_connections=4, max_retries=0)
    rng = random.Random(seed)
    for _ in range(100):
        running = [asyncio.create_task(client.job("j").check_status()) for _ in range(8)]
        await asyncio.sleep(rng.random() * 0.005)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert await client.job("j").check_status() == "in_progress"
    assert "lent=0" in lent(client)
    await client.aclose()
    assert await leaks.settle(lambda: leaks.sockets_to(server.port), 0) == 0


@EVERYWHERE
@pytest.mark.parametrize("how", ["idle", "at the next request", "reset at the next request"])
async def test_a_stale_connection_is_invisible(
    server: FaultServer, new_client: Callable[..., Client], how: str
) -> None:
    """F03: a kept connection that the server closed is replaced, without a retry that anyone could notice."""
    server.add_job("j")
    client = new_client(max_retries=0)
    assert await client.job("j").check_status() == "in_progress"
    first = server.requests[-1].connection

    async def drop(exchange: Exchange) -> None:
        if exchange.request.connection != first:
            await server.behave(exchange)
        elif how == "at the next request":
            await exchange.close()
        else:
            await exchange.reset()

    if how == "idle":
        server.close_idle()
    else:
        server.script("GET /sdk/benchmarks/jobs/j", always=drop)
    for _ in range(3):
        assert await client.job("j").check_status() == "in_progress"
    assert server.connections == 2


@EVERYWHERE
async def test_every_kept_connection_stale(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F03: that goes for all of them at once, as after a restart of the server, without any `max_retries`."""
    server.add_job("j")
    client = new_client(max_retries=0, max_connections=8)
    for _ in range(2):
        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(client.job("j").check_status)
        server.close_idle()
    assert "lent=0" in lent(client)


@EVERYWHERE
async def test_a_failed_attempt_on_a_fresh_connection_is_seen(
    server: FaultServer, new_client: Callable[..., Client]
) -> None:
    """F03: only a kept connection is replaced without being asked: one that is new and fails, failed."""
    from aiobench import APIConnectionError

    server.script("GET /sdk", always=then_close(lambda exchange: exchange.close()))
    with raises(APIConnectionError) as caught:
        await new_client(max_retries=2).job("j").check_status()
    assert caught.value.attempts == 3
    assert len(server.requests) == 3


@EVERYWHERE
async def test_unsafe_requests_keep_the_limit(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F02: requests that insist on a connection of their own leave no more of them open than there may be."""
    client = new_client(max_connections=3)
    for _ in range(10):
        await client.start_job("b1")
    assert leaks.sockets_to(server.port) <= 3


@EVERYWHERE
@pytest.mark.parametrize("moment", ["connected", "headers", "body"])
async def test_closing_ends_what_is_in_flight(
    server: FaultServer, new_client: Callable[..., Client], moment: str
) -> None:
    """F02: closing a client ends every call that is under way or waits for a connection by `ClientClosedError`."""
    heads = {
        "connected": b"",
        "headers": b"HTTP/1.1 200 OK\r\n",
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    }

    async def fall_silent(exchange: Exchange) -> None:
        await exchange.send(heads[moment])
        await hold(exchange)

    server.script("GET /sdk", always=fall_silent)
    client = new_client(max_connections=2)
    ended: list[int] = []

    async def ask(number: int) -> None:
        with raises(ClientClosedError):
            await client.job("j").check_status()
        ended.append(number)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(ask, number)
            for _ in range(2):
                await anyio.to_thread.run_sync(server.arrived.acquire)
            await client.aclose()
    assert sorted(ended) == list(range(6))
    assert await leaks.settle(lambda: leaks.sockets_to(server.port), 0) == 0
    with raises(ClientClosedError):
        await client.job("j").check_status()


async def test_closing_ends_a_connection_in_the_making(new_client: Callable[..., Client]) -> None:
    """F02: closing a client also ends calls whose connection is not there yet."""

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            under_way.set()
            await anyio.sleep_forever()
            raise AssertionError

    under_way = anyio.Event()
    client = new_client(transport=Slow)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                with raises(ClientClosedError):
                    await client.job("j").check_status()

            group.start_soon(ask)
            await under_way.wait()
            await client.aclose()


async def test_a_transport_that_cannot_be_closed(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F02: a transport whose closing fails, or never ends, takes neither the reply nor the slot with it."""
    from aiobench._http import connections

    class Stubborn(httpx.MockTransport):
        async def aclose(self) -> None:
            raise OSError("no")

    ok: Answer = answer()
    assert ok is not None
    client = new_client(
        transport=lambda: Stubborn(lambda request: httpx.Response(200, json={"status": "queued"})), max_connections=1
    )
    client._context.platform.session.keep_no_connections()
    for _ in range(3):
        assert await client.job("j").check_status() == "queued"
    await client.aclose()
    assert connections.CLOSING <= 5
