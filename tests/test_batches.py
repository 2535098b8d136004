"""Many jobs at once: waiting for all, and downloading the results of all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import (
    Client,
    ClientClosedError,
    ConfigurationError,
    JobSnapshot,
    JobStalledError,
    LocalStorageError,
    NotFoundError,
    PollPolicy,
    ResultsNotReadyError,
)
from aiobench._batches import file_name
from faults.server import Exchange, FaultServer, running

pytestmark = pytest.mark.anyio
CSV = b"Model,score\nm,1\n"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Run a platform that follows a script."""
    with running() as server:
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[Client]:
    """Make a client of the server that polls quickly and gives up at the first failure."""
    quick = PollPolicy(interval=0.02, max_interval=0.05)
    async with Client("key", base_url=server.base_url, poll=quick, trust_env=False, max_retries=0) as client:
        yield client


async def test_every_job_gets_its_file_or_its_error(server: FaultServer, client: Client, tmp_path: Path) -> None:
    """Each job's results are at `<job id>.csv`; a job without results or unknown gives its error, by job."""
    server.add_results("one", CSV)
    server.add_results("two", CSV + b"n,2\n")
    server.add_job("three")
    folder = tmp_path / "new" / "results"
    outcomes = await client.download_all(["two", "three", client.job("one"), "nowhere", "two"], folder)

    assert list(outcomes) == ["two", "three", "one", "nowhere"]
    assert (outcomes["one"], outcomes["two"]) == (folder / "one.csv", folder / "two.csv")
    assert (folder / "one.csv").read_bytes() == CSV
    assert isinstance(outcomes["three"], ResultsNotReadyError)
    assert isinstance(outcomes["nowhere"], NotFoundError)
    assert sorted(path.name for path in folder.iterdir()) == ["one.csv", "two.csv"]


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_downloads_run_at_a_time(
    server: FaultServer, client: Client, tmp_path: Path, concurrency: int
) -> None:
    """At most `concurrency` results are requested before one of them has arrived."""
    ids = [f"job-{number}" for number in range(7)]
    for job_id in ids:
        server.add_results(job_id, CSV)
    under_way = most = 0

    async def watched(exchange: Exchange) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await server.behave(exchange)
        under_way -= 1

    server.script("GET /results/", always=watched)
    outcomes = await client.download_all(ids, tmp_path, concurrency=concurrency)

    assert [outcomes[job_id] for job_id in ids] == [tmp_path / f"{job_id}.csv" for job_id in ids]
    assert 1 <= most <= concurrency


async def test_a_folder_that_cannot_be_made_is_every_jobs_error(client: Client, tmp_path: Path) -> None:
    """Where the folder is a file, each job's error says so, and nothing is requested."""
    (tmp_path / "taken").write_bytes(b"")
    outcomes = await client.download_all(["a", "b"], tmp_path / "taken")

    assert [type(each) for each in outcomes.values()] == [LocalStorageError] * 2
    assert "job a: cannot create" in str(outcomes["a"])


async def test_what_cannot_be_downloaded_at_all_is_refused(client: Client, tmp_path: Path) -> None:
    """A single id, what is no job, no concurrency, a closed client: an error of the call."""
    for jobs in ("one", [7], None):
        with pytest.raises(ConfigurationError):
            await client.download_all(jobs, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="concurrency"):
        await client.download_all([], tmp_path, concurrency=0)
    assert await client.download_all([], tmp_path / "unused") == {}
    assert not (tmp_path / "unused").exists()
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await client.download_all(["a"], tmp_path)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=1000))
def test_a_file_stays_in_its_folder(job_id: str) -> None:
    """F27: whatever an id holds, its file is a visible one of that folder, with a name that file systems take."""
    name = file_name(job_id)

    assert Path("folder", name).resolve().parent == Path("folder").resolve()
    assert not name.startswith(".")
    assert len(name) < 200
    assert name.isascii()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), unique=True))
def test_two_jobs_have_two_files(ids: list[str]) -> None:
    """Different ids have different file names."""
    assert len({file_name(job_id) for job_id in ids}) == len(ids)


async def test_waiting_ends_when_what_is_left_shows_no_change(server: FaultServer, client: Client) -> None:
    """With `stall_after`, a job without a change is not waited for; one that ends meanwhile gives its snapshot."""
    server.add_job("stuck")
    server.add_job("done", "completed")
    with anyio.fail_after(30):
        outcomes = await client.wait_all(["stuck", "done"], stall_after=0.1)

    assert isinstance(outcomes["done"], JobSnapshot)
    assert isinstance(outcomes["stuck"], JobStalledError)
    assert outcomes["stuck"].job_id == "stuck"
