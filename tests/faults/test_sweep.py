"""Cancellation at every single point, and storms of faults: F02, F04, F09, F12, F19, F21."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from aiobench import Client
from faults import leaks
from faults.certificates import Authority
from faults.everywhere import EVERYWHERE
from faults.proxy import Proxy
from faults.secrets import SIGNED
from faults.server import Exchange, FaultServer, answer, raw, reply, running
from faults.storms import FAULTS, FILE_FAULTS, storm

pytestmark = pytest.mark.anyio

ENOUGH = 500  # suspensions: no operation here has so many


class Interrupted:
    """Awaits a coroutine, and cancels a scope when it is suspended for the *point*-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], scope: anyio.CancelScope, point: int) -> None:
        self._coroutine, self._scope, self._left = coroutine, scope, point

    def __await__(self) -> Generator[Any, Any, object]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            try:
                asked = step()
            except StopIteration as end:
                return end.value
            self._left -= 1
            if not self._left:
                self._scope.cancel()
            try:
                given = yield asked
            except BaseException as error:  # noqa: BLE001 - passed on
                step = lambda error=error: self._coroutine.throw(error)  # noqa: E731
            else:
                step = lambda given=given: self._coroutine.send(given)  # noqa: E731


async def sweep(operation: Callable[[], Coroutine[Any, Any, object]], check: Callable[[], Awaitable[None]]) -> int:
    """Cancel *operation* at its first, second, … suspension until it is through; return how many there were."""
    for point in range(1, ENOUGH):
        with anyio.fail_after(20), anyio.CancelScope() as scope:
            await Interrupted(operation(), scope, point)
        await check()
        if not scope.cancel_called:
            return point - 1
    raise AssertionError("it never ends")


OPERATIONS: dict[str, Callable[[Client, Path], Coroutine[Any, Any, object]]] = {
    "check_status": lambda client, _: client.job("j").check_status(),
    "fetch": lambda client, _: client.job("j").fetch(),
    "wait": lambda client, _: client.job("j").wait(),
    "get_scores": lambda client, _: client.job("j").get_scores(return_as_dataframe=False),
    "get_job": lambda client, _: client.get_job("j"),
    "list_jobs": lambda client, _: client.list_jobs("b1"),
    "start_job": lambda client, _: client.start_job("b1"),
    "get_benchmark": lambda client, _: client.get_benchmark("b1"),
    "create_benchmark": lambda client, _: client.create_benchmark("n", dataset="d", models=["m"], metrics=["x"]),
    "list_normalization_options": lambda client, _: client.list_normalization_options("x", "m"),
    "wait_all": lambda client, _: client.wait_all(["j", "k"]),
    "download": lambda client, path: client.job("j").download_results_as_csv(path),
    "frame": lambda client, _: client.job("j").download_results_as_csv(return_dataframe=True),
    "small chunks": lambda client, _: client.job("in-pieces").check_status(),
}
IN_PIECES = b"HTTP/1.1 103 Early\r\n\r\n" * 130 + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
IN_PIECES += b"".join(b"1\r\n%c\r\n" % each for each in b'{"status": "running"}' + b" " * 130) + b"0\r\n\r\n"


@EVERYWHERE
@pytest.mark.parametrize("name", OPERATIONS)
async def test_cancelled_at_every_point(
    server: FaultServer,
    new_client: Callable[..., Client],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """F02: an operation cancelled at any suspension leaves no connection, task or file, and the client works."""
    await cancelled_everywhere(server, new_client(max_connections=3), server.port, tmp_path, monkeypatch, name)


@EVERYWHERE
@pytest.mark.parametrize("name", ["check_status", "download", "small chunks"])
async def test_cancelled_at_every_point_through_a_proxy(
    authority: Authority,
    new_client: Callable[..., Client],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """F02: the same on the connections that lead through a proxy, which are httpcore's."""
    with running(tls=authority.server("127.0.0.1")) as secure, Proxy() as proxy:
        client = new_client(
            base_url=secure.base_url,
            ssl_context=authority.client(),
            proxy=f"http://127.0.0.1:{proxy.port}",
            max_connections=3,
        )
        await cancelled_everywhere(secure, client, proxy.port, tmp_path, monkeypatch, name)


async def cancelled_everywhere(
    server: FaultServer, client: Client, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Sweep an operation of a client, whose connections go to *port*, and close the client."""
    import tempfile

    temporary, target = tmp_path / "tmp", tmp_path / "out" / "x.csv"
    temporary.mkdir()
    target.parent.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    data = b"a,b\n" + b"1,2\n" * 20_000
    server.add_results("j", data)
    server.add_job("k", "failed")
    # failures on the way, so that waiting and resuming are swept as well
    for what in ("GET /sdk", "POST /sdk.*options", "GET /results"):
        server.script(what, always=every_other)
    server.script("GET .*/in-pieces", always=raw(IN_PIECES, then="go on"))
    before = leaks.tasks()

    async def check() -> None:
        assert "lent=0" in repr(client._context.platform.session._api)
        assert "lent=0" in repr(client._context.platform.session.results)
        assert await leaks.settle(leaks.tasks, before) == before
        left = [path.name for path in target.parent.iterdir()] + list(temporary.iterdir())
        assert left in ([], [target.name])
        if left:
            assert target.stat().st_size == len(data)

    points = await sweep(lambda: OPERATIONS[name](client, target), check)
    assert points >= 2  # what runs in tasks of its own shows as one
    server.script("GET /sdk", always=FaultServer.behave.__get__(server))
    assert await client.job("k").check_status() == "failed"
    await client.aclose()
    assert await leaks.settle(lambda: leaks.sockets_to(port), 0) == 0


async def every_other(exchange: Exchange) -> None:
    """Fail every other request: a 503, or a file that is cut."""
    server = exchange.server
    if exchange.request.number % 2 == 0:
        await server.behave(exchange)
    elif exchange.request.path in server.files:
        data = server.files[exchange.request.path]
        await raw(reply(200, data, ETag='"v1"')[: len(data) // 2])(exchange)
    else:
        await answer(503, b"")(exchange)


@EVERYWHERE
async def test_closing_cancelled_at_every_point(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F02: a client whose closing is cancelled at any point is closed all the same, with calls in flight or without."""
    for each in range(3):
        server.add_job(f"j{each}")
    server.script("GET /sdk/benchmarks/jobs/slow", always=raw(b"HTTP/1.1 200 OK\r\n", then="hold"))

    async def use_and_close() -> None:
        client = new_client()
        async with anyio.create_task_group() as group:
            for each in range(3):
                group.start_soon(client.job(f"j{each}").check_status)
        async with anyio.create_task_group() as group:

            async def slow() -> None:
                from aiobench import ClientClosedError

                with pytest.raises(ClientClosedError):
                    await client.job("slow").check_status()

            group.start_soon(slow)
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(wait_for_slow)
            try:
                await client.aclose()
            finally:
                assert client._context.platform.session.guard.is_closed

    seen = 0

    def wait_for_slow() -> None:
        nonlocal seen
        while len(server.sent_to("jobs/slow")) <= seen:
            assert server.arrived.acquire(timeout=10)
        seen += 1

    async def check() -> None:
        assert await leaks.settle(lambda: leaks.sockets_to(server.port), 0) == 0

    for point in range(1, 8):  # from the first suspension of `aclose()` itself
        with anyio.fail_after(20), anyio.CancelScope() as scope:
            client = new_client()
            async with anyio.create_task_group() as group:
                for each in range(3):
                    group.start_soon(client.job(f"j{each}").check_status)
            await Interrupted(client.aclose(), scope, point)
        await check()
    await use_and_close()
    await check()


# -- storms ------------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_a_storm_of_faults(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F04, F09, F12: among a third of faults every job gets its own status, at one request more for a fault."""
    injected: list[str] = []
    for each in range(200):
        server.add_job(f"j{each}", f"status-{each}", padding="x" * 3000)
    server.script("GET /sdk", always=storm(0.33, FAULTS, injected))
    client = new_client(max_retries=20, max_connections=10)
    found: dict[int, str] = {}

    async def ask(number: int) -> None:
        found[number] = await client.job(f"j{number}").check_status()

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for each in range(200):
                group.start_soon(ask, each)
    assert found == {each: f"status-{each}" for each in range(200)}
    assert len(injected) > 30
    assert len(server.requests) <= 1.2 * 200 + len(injected)
    assert "lent=0" in repr(client._context.platform.session._api)


@EVERYWHERE
async def test_a_storm_of_downloads(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, seed: int
) -> None:
    """F04, F19, F21: among half of faults every file is whole by its checksum, and nothing lies beside it."""
    injected: list[str] = []
    rng = random.Random(seed)
    files = {f"j{each}": rng.randbytes(rng.randrange(1, 600_000)) for each in range(30)}
    for job_id, data in files.items():
        server.add_results(job_id, data, query=SIGNED)
    server.script("GET /results", always=storm(0.5, FILE_FAULTS, injected))
    client = new_client(max_retries=30, max_connections=6)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for job_id in files:
                group.start_soon(client.job(job_id).download_results_as_csv, tmp_path / job_id)
    assert {path.name for path in tmp_path.iterdir()} == set(files)
    for job_id, data in files.items():
        assert hashlib.sha256((tmp_path / job_id).read_bytes()).digest() == hashlib.sha256(data).digest()
    assert len(server.sent_to("GET /results")) <= 1.2 * len(files) + len(injected)
