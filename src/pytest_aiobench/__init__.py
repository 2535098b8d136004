"""Fixtures for tests of code that uses aiobench, as a plugin of pytest.

A package of its own, for pytest imports it at every start: what belongs to `aiobench` is imported by a fixture that is
used. `pytest -p no:aiobench` leaves the plugin out. The fixtures are plain functions, so that they work with
pytest-asyncio, with anyio's plugin, with trio, and in tests that block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aiobench import Client, sync
    from aiobench.local import LocalBackend
    from aiobench.testing import FakePlatform

__all__ = ["aiobench_backend", "aiobench_client", "aiobench_platform", "aiobench_sync_client"]


@pytest.fixture
def aiobench_platform() -> Iterator[FakePlatform]:
    """A fake platform, served on loopback, with BACKEND_URL and TEAM_API_KEY set: its time takes no time."""
    from aiobench.testing import FakePlatform

    platform = FakePlatform()
    with platform.served():
        yield platform


@pytest.fixture
def aiobench_client(aiobench_platform: FakePlatform) -> Client:
    """A client of `aiobench_platform`, without sockets. It need not be closed."""
    return aiobench_platform.client()


@pytest.fixture
def aiobench_sync_client(aiobench_platform: FakePlatform) -> Iterator[sync.Client]:
    """A blocking client of `aiobench_platform`, without sockets."""
    with aiobench_platform.sync_client() as client:
        yield client


@pytest.fixture
def aiobench_backend() -> Iterator[LocalBackend]:
    """A real backend on loopback, with the demo's data: real models, metrics and time. Needs aiobench[local]."""
    from aiobench.local import LocalBackend

    with LocalBackend() as backend:
        yield backend
