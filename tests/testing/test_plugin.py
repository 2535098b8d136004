"""The plugin of pytest: its fixtures under every way to run asynchronous tests, and what it costs without them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aiobench import Client, sync
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from aiobench.local import LocalBackend

ASYNC = """
import pytest
from aiobench import Client

{mark}
async def test_client(aiobench_platform, aiobench_client):
    job = aiobench_platform.job("queued", "in_progress", "completed", every=1800.0)
    snapshot = await aiobench_client.job(job.id).wait()
    assert snapshot.status == "completed"
    assert 3600.0 <= aiobench_platform.now < 3700.0

{mark}
async def test_service(aiobench_platform):
    job = aiobench_platform.job("queued", "in_progress", "completed", every=1800.0)
    async with Client() as client:
        assert (await client.job(job.id).wait()).succeeded
"""
BACKENDS = """
@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
"""


def outcome_of(folder: Path, test: str, *options: str) -> str:
    """Run a test file in a pytest of its own, far from our settings, and return what it prints."""
    (folder / "test_it.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings =\n error\n ignore::pytest.PytestDeprecationWarning\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("mark", "extra", "options", "passed"),
    [
        ("@pytest.mark.asyncio", "", ("-p", "no:anyio", "--asyncio-mode=strict"), 2),
        ("", "", ("-p", "no:anyio", "--asyncio-mode=auto"), 2),
        ("@pytest.mark.anyio", BACKENDS, ("-p", "no:asyncio"), 4),
        ("@pytest.mark.anyio", BACKENDS, ("--asyncio-mode=strict",), 4),
    ],
    ids=["pytest-asyncio strict", "pytest-asyncio auto", "anyio", "both plugins"],
)
def test_fixtures_work_with_every_plugin(
    tmp_path: Path, mark: str, extra: str, options: tuple[str, ...], passed: int
) -> None:
    """The fixtures need no plugin of their own kind: they work with pytest-asyncio and with anyio's, trio included."""
    printed = outcome_of(tmp_path, ASYNC.format(mark=mark) + extra, *options)

    assert f"{passed} passed" in printed, printed
    assert "failed" not in printed, printed


def test_plugin_imports_nothing_until_a_fixture_is_used(tmp_path: Path) -> None:
    """Tests that use no fixture of ours do not import the package."""
    test = "import sys\ndef test_it():\n    assert not [m for m in sys.modules if m.partition('.')[0] == 'aiobench']"
    printed = outcome_of(tmp_path, test, "-p", "no:anyio")

    assert "1 passed" in printed, printed


def test_plugin_can_be_left_out(tmp_path: Path) -> None:
    """With `-p no:aiobench` there is no such fixture."""
    printed = outcome_of(tmp_path, "def test_it(aiobench_platform):\n    pass", "-p", "no:aiobench")

    assert "fixture 'aiobench_platform' not found" in printed


@pytest.mark.anyio
async def test_platform_is_served_with_the_environment_set(aiobench_platform: FakePlatform) -> None:
    """Code that makes its own client finds the platform."""
    job = aiobench_platform.job("in_progress")

    async with Client() as client:
        assert await client.job(job.id).check_status() == "in_progress"

    assert os.environ["TEAM_API_KEY"] == aiobench_platform.api_key


@pytest.mark.anyio
async def test_client_is_one_of_the_platform(aiobench_platform: FakePlatform, aiobench_client: Client) -> None:
    """The client asks the platform of the same test."""
    job = aiobench_platform.job("failed")

    assert await aiobench_client.job(job.id).check_status() == "failed"


def test_sync_client_is_one_of_the_platform(aiobench_platform: FakePlatform, aiobench_sync_client: sync.Client) -> None:
    """The blocking client asks the platform of the same test."""
    job = aiobench_platform.job("failed")

    assert aiobench_sync_client.job(job.id).check_status() == "failed"


@pytest.mark.anyio
async def test_backend_is_a_real_one(aiobench_backend: LocalBackend) -> None:
    """The backend has the demo's data, and runs."""
    async with aiobench_backend.client() as client:
        made = await client.create_benchmark(
            "demo",
            dataset=next(iter(aiobench_backend.datasets)),
            models=[next(iter(aiobench_backend.models))],
            metrics=[next(iter(aiobench_backend.metrics))],
        )

    assert made.id


def test_tests_of_the_page_pass(tmp_path: Path) -> None:
    """The tests that the page *Test your service* shows are tests that pass."""
    page = Path(__file__).parents[2] / "docs/howto/test-your-service.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    written = sum(block.count("async def test_") for block in blocks)

    printed = outcome_of(tmp_path, "\n".join(blocks[:-1]) + BACKENDS, "-p", "no:asyncio")

    assert f"{2 * written} passed" in printed, printed
