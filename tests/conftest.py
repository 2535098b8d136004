"""What all tests stand on: both event loops, an environment without settings of its own, fuzzing that repeats."""

from __future__ import annotations

import os
import signal
import ssl
import sys
from typing import TYPE_CHECKING

import hypothesis
import pytest

from aiobench import Client
from loopback import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

# Derandomized: what fails once fails again. No deadline: other work may hold the processor.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

# A shell's background job is started deaf to Ctrl-C, and so would be every program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of tests start Python, and each start would compile all of aiobench.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

collect_ignore = ["progress/test_programs.py"] if sys.platform == "win32" else []  # it needs pseudo-terminals

SETTINGS = ("TEAM_API_KEY", "AIXPLAIN_API_KEY", "BACKEND_URL", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, on Windows, the tests of what only POSIX has."""
    if sys.platform == "win32":
        theirs = [item for item in items if item.get_closest_marker("posix") or "terminal" in _fixtures(item)]
        config.hook.pytest_deselected(items=theirs)
        items[:] = [item for item in items if item not in theirs]


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run what is marked `anyio` on both event loops."""
    return request.param


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of the person who runs the tests."""
    for name in (*SETTINGS, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """Share one TLS context: reading the system's certificates takes longer than most tests."""
    return ssl.create_default_context()


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Run a server of the test's own."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture
async def client(server: LoopbackServer) -> AsyncIterator[Client]:
    """Make a client of the test's own server, which gives up at the first failure."""
    async with Client("k3y-of-the-team", base_url=server.url, max_retries=0) as made:
        yield made
