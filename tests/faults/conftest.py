"""What the fault tests stand on: a server that misbehaves, clients of it, and a look at what is left over.

`AIOBENCH_FAULT_SEED` chooses the seed (default 0), `AIOBENCH_CANCELLATIONS` how often F02 cancels.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from aiobench import Client
from faults.certificates import Authority
from faults.clock import FastClock
from faults.secrets import KEY, Watchman, assert_clean
from faults.server import FaultServer, running

SEED = int(os.environ.get("AIOBENCH_FAULT_SEED", "0"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Print the line that replays a failure."""
    report = yield
    if report.failed and "faults" in item.path.parts:
        report.sections.append(("replay", f"AIOBENCH_FAULT_SEED={SEED} pytest '{item.nodeid}'"))
    return report


@pytest.fixture
def transport() -> str:
    """Speak through httpx's transport, unless a test is parametrized otherwise."""
    return "httpx"


@pytest.fixture
def seed() -> int:
    """Choose what every random choice is derived from."""
    return SEED


@pytest.fixture
def server(seed: int) -> Iterator[FaultServer]:
    """Run a platform whose faults the test chooses."""
    with running(seed) as server:
        yield server


@pytest.fixture
def canary() -> Iterator[FaultServer]:
    """Run another host, which must see neither key nor signature."""
    with running() as server:
        yield server
        for request in server.requests:
            assert_clean(request.raw.decode("latin-1"), "a request to the canary host (F15)")


@pytest.fixture
def clock() -> FastClock:
    """Make the clock that the clients of a test wait on."""
    return FastClock()


@pytest.fixture
async def new_client(server: FaultServer, clock: FastClock, transport: str) -> AsyncIterator[Callable[..., Client]]:
    """Make clients of the server, whose waits between attempts take no time; closed after the test."""
    async with AsyncExitStack() as stack:

        def make(**settings: Any) -> Client:
            chosen = {"base_url": server.base_url, "transport": transport, "trust_env": False, **settings}
            client = Client(KEY, **chosen)
            clock.drive(client)
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make a certificate authority for all tests."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def client(new_client: Callable[..., Client]) -> Client:
    """Make a client of the server."""
    return new_client()


@pytest.fixture(autouse=True)
def watchman() -> Iterator[Watchman]:
    """F18: no log record of any library, at DEBUG, holds the key or a signature."""
    watchman = Watchman()
    root = logging.getLogger()
    before = root.level
    root.addHandler(watchman)
    root.setLevel(logging.DEBUG)
    try:
        yield watchman
    finally:
        root.setLevel(before)
        root.removeHandler(watchman)
    assert not watchman.leaks, f"F18: a secret was logged: {watchman.leaks[0]}"


@pytest.fixture
def data(seed: int) -> bytes:
    """Make the bytes of a results file: a few batches of them."""
    return random.Random(seed).randbytes(2_500_000)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Choose where to; the folder holds this file alone in the end, or nothing."""
    return tmp_path / "results.csv"
