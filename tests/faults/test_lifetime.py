"""Watches that are left, loops and processes that are changed, clocks that step: F13, F18, F22 to F24, F29."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from aiobench import (
    AiobenchError,
    Client,
    ForkedClientError,
    JobStalledError,
    PollPolicy,
    ResultParseError,
    WaitTimeoutError,
    WrongEventLoopError,
)
from faults import leaks
from faults.clock import FastClock
from faults.everywhere import EVERYWHERE
from faults.secrets import KEY, SIGNATURE, SIGNED, Watchman, assert_clean, raises
from faults.server import FaultServer, answer, raw

pytestmark = pytest.mark.anyio


async def test_an_unknown_status_is_no_end(
    server: FaultServer, new_client: Callable[..., Client], watchman: Watchman
) -> None:
    """F13: an unknown status is kept as it is and waited out, with a warning at the 1st, 10th and 100th poll."""
    odd = answer(200, {"jobId": "j", "status": "Marinating", "benchmark": {"id": "b"}})
    server.script("GET /sdk", *[odd] * 120)
    server.add_job("j", "completed")
    seen = [snapshot.status async for snapshot in new_client().job("j").watch()]
    assert seen == ["Marinating", "completed"]
    assert [f"seen {times} times" in text for times, text in zip((1, 10, 100), watchman.warnings, strict=True)] == [
        True
    ] * 3


async def test_an_unknown_status_can_be_an_end(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F13: `PollPolicy(terminal=)` makes it one, and `stall_after` bounds the wait for what never comes."""
    server.add_job("j", "Marinating")
    client = new_client()
    snapshot = await client.job("j").wait(poll=PollPolicy(terminal=frozenset({"marinating"})))
    assert snapshot.status == "Marinating"
    with raises(JobStalledError):
        await client.job("j").wait(stall_after=300)


@EVERYWHERE
@pytest.mark.parametrize("how", ["break", "exception", "cancel", "close"])
async def test_leaving_a_watch(server: FaultServer, new_client: Callable[..., Client], how: str) -> None:
    """F22: however a watch is left, nothing is left running and no connection is held; the job hears nothing of it."""
    server.add_job("j", progress={"completedPercentage": 1})
    client = new_client()
    before = leaks.tasks()
    watch = client.job("j").watch(every_poll=True)
    with anyio.CancelScope() as scope:
        try:
            async for _ in watch:
                held = repr(client._context.platform.session._api)
                assert "lent=0" in held  # while the consumer works
                assert leaks.tasks() == before
                if how == "break":
                    break
                if how == "exception":
                    raise ZeroDivisionError  # noqa: TRY301
                if how == "cancel":
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
                if how == "close":
                    await watch.aclose()
        except ZeroDivisionError:
            pass
    await watch.aclose()
    assert leaks.tasks() == before
    assert "lent=0" in repr(client._context.platform.session._api)
    assert {each.method for each in server.requests} == {"GET"}


@EVERYWHERE
async def test_cancelling_a_poll(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F22: a watch cancelled within a poll closes that poll's connection, and can be begun anew."""
    server.add_job("j", "completed")
    server.script("GET /sdk", raw(b"HTTP/1.1 200 OK\r\n", then="hold"))
    client = new_client()
    async with anyio.create_task_group() as group:
        group.start_soon(client.job("j").wait)
        await anyio.to_thread.run_sync(server.arrived.acquire)
        group.cancel_scope.cancel()
    assert "lent=0 idle=0" in repr(client._context.platform.session._api)
    assert (await client.job("j").wait()).succeeded


async def test_two_event_loops(server: FaultServer, anyio_backend: str) -> None:
    """F23: a client used in a second event loop says so, whatever is asked of it; the first loop's use goes on."""
    server.add_job("j")
    client = Client(KEY, base_url=server.base_url, trust_env=False)
    await client.job("j").check_status()
    problems: list[str] = []

    async def elsewhere() -> None:
        for ask in (
            client.job("j").check_status,
            client.job("j").wait,
            lambda: client.list_jobs("b1"),
            lambda: client.start_job("b1"),
            client.job("j").download_results_as_csv,
            client.aclose,
        ):
            with raises(WrongEventLoopError) as caught:
                await ask()  # type: ignore[operator]
            problems.append(str(caught.value))

    await anyio.to_thread.run_sync(lambda: anyio.run(elsewhere, backend=anyio_backend))
    assert len(problems) == 6
    assert "make a client in each asyncio.run()" in problems[0]
    assert await client.job("j").check_status() == "in_progress"
    await client.aclose()


def test_two_runs(server: FaultServer) -> None:
    """F23: two `asyncio.run()` with one client: refused if the first one used it, fine if it only made it."""
    server.add_job("j")
    client = Client(KEY, base_url=server.base_url, trust_env=False)
    client._context.platform.session.keep_no_connections()
    assert asyncio.run(client.job("j").check_status()) == "in_progress"
    with raises(WrongEventLoopError):
        asyncio.run(client.job("j").check_status())

    async def make() -> Client:
        return Client(KEY, base_url=server.base_url, trust_env=False)

    made = asyncio.run(make())

    async def use() -> str:
        async with made:
            return await made.job("j").check_status()

    assert asyncio.run(use()) == "in_progress"


FORKED = """
import asyncio, os, sys, warnings
from aiobench import Client, ForkedClientError
warnings.simplefilter("ignore")

async def main():
    client = Client("k", base_url=sys.argv[1], trust_env=False)
    await client.job("j").check_status()
    child = os.fork()
    if not child:
        os._exit(70 if await refused(client) else 71)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert await client.job("j").check_status() == "in_progress"
    await client.aclose()
    sys.exit(os.waitstatus_to_exitcode(status))

async def refused(client):
    try:
        await client.job("j").check_status()
    except ForkedClientError:
        await client.aclose()  # does nothing here: the connections are the parent's
        return True

asyncio.run(main())
"""


@pytest.mark.posix
def test_fork(server: FaultServer) -> None:
    """F23: a client used before `os.fork()` is refused in the child, and goes on working in the parent."""
    server.add_job("j")
    ended = subprocess.run([sys.executable, "-c", FORKED, server.base_url], timeout=60, check=False)
    assert ended.returncode == 70


def test_a_forked_process_number(monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> None:
    """F23: the process is looked at before the loop, which a child of `fork()` shares."""

    async def use() -> None:
        server.add_job("j")
        async with Client(KEY, base_url=server.base_url, trust_env=False) as client:
            await client.job("j").check_status()
            here = os.getpid()
            with monkeypatch.context() as patch:
                patch.setattr(os, "getpid", lambda: here + 1)
                with raises(ForkedClientError):
                    await client.job("j").check_status()
            await client.job("j").check_status()

    asyncio.run(use())


async def test_the_wall_clock_steps(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F24: deadlines, pauses and schedules do not move when the wall clock is set back or forward by years."""
    async with Client(KEY, base_url=server.base_url) as plain:
        assert abs(plain._context.platform.session.now() - time.monotonic()) < 60
    server.add_job("j")
    steps = [1e9, -1e9, 5e9]
    real = time.time
    server.script("GET /sdk", answer(429, b"", Retry_After="7"))
    monkeypatch.setattr(time, "time", lambda: real() + steps[len(clock.slept) % 3])
    began = clock.now()
    client = new_client()
    await client.job("j").check_status()
    assert 7 <= clock.now() - began < 10
    began = clock.now()
    with raises(WaitTimeoutError):
        await client.job("j").wait(timeout=100)
    assert 100 <= clock.now() - began < 110


async def test_after_a_gap(server: FaultServer, new_client: Callable[..., Client], seed: int) -> None:
    """F24: after this machine was suspended the polls of many watches are spread out, not fired together."""
    import random

    client = new_client()
    session = client._context.platform.session
    session.random = random.Random(seed)
    ahead, waits = 0.0, []
    suspended = False

    async def sleep(seconds: float) -> None:
        nonlocal ahead, suspended
        await anyio.lowlevel.checkpoint()
        if suspended:
            waits.append(seconds)
        else:
            ahead += seconds + 3600
            suspended = True

    session.now, session.sleep = (lambda: ahead), sleep
    policy = PollPolicy(interval=10, jitter=0)
    watches = []
    for each in range(50):
        server.add_job(f"j{each}")
        watch = client.job(f"j{each}").watch(poll=policy, every_poll=True)
        await anext(watch)
        watches.append(watch)
    for watch in watches:
        suspended = False
        ahead = 0.0
        await anext(watch)
        await watch.aclose()
    assert len(waits) == 50
    assert all(0 <= each <= 10 for each in waits)
    assert len({round(each) for each in waits}) >= 8


RAGGED = {
    "empty": (b"", 1),
    "a page": (b"<html>\n", 1),
    "ragged": (b"a,b\n1,2\n3,4,5,6\n", 3),
    "every row too long": (b"a,b\n1,2,3\n4,5,6\n", 2),
    "an open quote": (b'a,b\n1,"2\n3,4\n', None),
    "not UTF-8": (b"a,b\n1,2\n3,\xff\n", 3),
    "no boolean": (b"Model_success\nTrue\nperhaps\n", 3),
}


@pytest.mark.parametrize("kind", RAGGED)
@pytest.mark.parametrize("keep", [True, False])
async def test_a_csv_that_is_none(
    server: FaultServer,
    new_client: Callable[..., Client],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    *,
    keep: bool,
) -> None:
    """F29: results that are no usable CSV are a `ResultParseError` with the line; no temporary file is left."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    data, line = RAGGED[kind]
    server.add_results("j", data)
    target = tmp_path / "kept.csv" if keep else None
    with raises(ResultParseError) as caught:
        await new_client().job("j").download_results_as_csv(target, return_dataframe=True)
    if line is not None:
        assert caught.value.line == line
    assert list((tmp_path / "tmp").iterdir()) == []
    assert (tmp_path / "kept.csv").exists() == keep


@pytest.mark.parametrize("data", [b"a,b\n", b"a,b\r\n1,2\r\n", b'a,b\n1,"' + b"x" * 3_000_000 + b'"\n'])
async def test_odd_but_usable(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    """F29: a header alone and a huge field are read, and no file is left where none was asked for."""
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server.add_results("j", data)
    frame = await new_client().job("j").download_results_as_csv(return_dataframe=True)
    assert list(frame.columns) == ["a", "b"]  # type: ignore[union-attr]
    assert list(tmp_path.iterdir()) == []


async def test_secrets_in_values(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F18: neither key nor signature is in the `repr` or the pickle of anything that users hold."""
    server.add_results("j", b"x", query=SIGNED)
    client = new_client(default_headers={"X-A": "b"})
    job = await client.get_job("j")
    snapshot = await job.fetch()
    assert SIGNATURE in (snapshot.report_url or "")  # there for those who ask for it
    context = client._context
    shown = [repr(each) for each in (client, job, snapshot, snapshot.raw, context, context.platform.session)]
    shown += [str(snapshot), repr(job._request)]
    shown += [repr(client._context.platform.session._api._make)]
    shown += [pickle.dumps(snapshot).decode("latin-1"), repr(pickle.loads(pickle.dumps(snapshot)).raw)]
    for text in shown:
        assert_clean(text, "a value")
    for action in (pickle.dumps, copy.deepcopy):
        with pytest.raises((TypeError, AiobenchError)) as caught:
            action(client)
        assert_clean(str(caught.value), "an error")


async def test_a_factory_for_transports(tmp_path: Path) -> None:
    """F15: `transport=` as a factory serves the API and the results, and the key is for the first alone."""
    import httpx

    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "files.example":
            return httpx.Response(200, stream=Pieces())
        document = {"jobId": "j", "status": "completed", "reportUrl": "https://files.example/r.csv"}
        return httpx.Response(200, json=document)

    class Pieces(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in (b"a,", b"", b"b\n", b"1,2\n"):  # an empty piece is not the end
                yield piece

    async with Client(KEY, base_url="https://x.example", transport=lambda: httpx.MockTransport(handle)) as client:
        path = await client.job("j").download_results_as_csv(tmp_path / "x.csv")
    assert path.read_bytes() == b"a,b\n1,2\n"
    assert ["authorization" in each.headers for each in asked] == [True, False]
