"""A job: asking for it, and what `get_…` gives in each form. Waiting and downloads have tests of their own."""

from __future__ import annotations

import inspect
import pickle
import uuid
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import aiobench
from aiobench import (
    BenchmarkJob,
    ConfigurationError,
    InvalidResponseError,
    NotFoundError,
    ResultParseError,
    ResultsNotReadyError,
    UnsafeURLError,
)
from job_documents import JOBS, SAMPLES, job_document, sample, sample_snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from aiobench import Client
    from loopback import LoopbackServer

ROUTE = "GET /sdk/benchmarks/jobs/J"


# -- what a job is -----------------------------------------------------------------------------------------------


def test_construction_is_the_sdks() -> None:
    """A job is built as with the SDK, further information included; `client=` comes on top."""
    job = BenchmarkJob("J", "running", "B", note="mine", tags=["x"])

    assert (
        job.id,
        job.status,
        job.benchmark_id,
        job.additional_info,
    ) == ("J", "running", "B", {"note": "mine", "tags": ["x"]})
    assert repr(job) == "<Benchmark Job(J)>"


def test_jobs_are_compared_by_identity() -> None:
    """Two handles on one job are two things; each can be in a set."""
    first, second = BenchmarkJob("J", "", "B"), BenchmarkJob("J", "", "B")

    assert first != second
    assert {first, second, first} == {second, first}
    assert len({first, second, first}) == 2


@pytest.mark.parametrize("job_id", ["", " ", None, 5])
def test_job_needs_an_id(job_id: Any) -> None:
    """A job without an id is refused when it is built."""
    with pytest.raises(ConfigurationError, match="a job id must be a non-empty string"):
        BenchmarkJob(job_id, "", "B")


def test_job_without_client_can_be_pickled() -> None:
    """A job that holds no client crosses processes; one that does says why not."""
    copied = pickle.loads(pickle.dumps(BenchmarkJob("J", "running", "B", note="mine")))

    assert (
        copied.id,
        copied.status,
        copied.benchmark_id,
        copied.additional_info,
    ) == ("J", "running", "B", {"note": "mine"})
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(aiobench.Client("key").job("J"))


def test_watch_is_an_async_generator_function() -> None:
    """`watch()` is an async generator, so that `aclose()` and `break` work; making one asks nothing."""
    assert inspect.isasyncgenfunction(BenchmarkJob.watch)


def test_failure_rate_is_spelled_right_too() -> None:
    """`get_failure_rate` is the same method as the SDK's `get_failuire_rate`."""
    assert BenchmarkJob.get_failure_rate is BenchmarkJob.get_failuire_rate


# -- asking ------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_check_status(server: LoopbackServer, client: Client) -> None:
    """`check_status()` asks each time, keeps what it learned and returns the status."""
    for status in ("draft", "in_progress", "completed"):
        server.route(ROUTE, job_document(status=status))
    job = client.job("J")

    assert [(await job.check_status(), job.status) for _ in range(3)] == [
        ("draft",) * 2,
        ("in_progress",) * 2,
        ("completed",) * 2,
    ]
    assert job.benchmark_id == "BENCHMARK"
    assert server.asked == [ROUTE] * 3


@pytest.mark.anyio
async def test_an_id_that_was_set_is_the_one_asked_for(server: LoopbackServer, client: Client) -> None:
    """The request that a job keeps does not outlive the id that it was made for."""
    for job_id in ("J", "K"):
        server.route(f"GET /sdk/benchmarks/jobs/{job_id}", job_document(status=f"status of {job_id}"))
    job = client.job("J")
    await job.check_status()
    job.id = "K"

    assert await job.check_status() == "status of K"


@pytest.mark.anyio
@pytest.mark.parametrize("benchmark", [None, {}, {"id": None}, {"id": ""}, "B"])
async def test_known_benchmark_is_not_forgotten(server: LoopbackServer, client: Client, benchmark: object) -> None:
    """A document that names no benchmark leaves what is known."""
    server.route(ROUTE, {"status": "running", "benchmark": benchmark})
    job = client.job("J", "B")
    await job.check_status()
    await job.fetch()

    assert job.benchmark_id == "B"


@pytest.mark.anyio
async def test_fetch(server: LoopbackServer, client: Client) -> None:
    """`fetch()` gives the whole document as a snapshot and updates the job."""
    server.route(ROUTE, sample("completed"))
    job = client.job("J")
    snapshot = await job.fetch()

    assert (job.status, job.benchmark_id) == ("completed", "bm-01")
    assert (snapshot.id, snapshot.status, snapshot.is_terminal, snapshot.succeeded) == ("J", "completed", True, True)
    assert sample("completed")["iterations"] == snapshot.raw["iterations"]
    assert snapshot.polled_at.utcoffset() is not None


@pytest.mark.anyio
async def test_fetch_checks_the_whole_document(server: LoopbackServer, client: Client) -> None:
    """A document that cannot be read further down is refused when it is fetched, not when it is read (F12)."""
    server.route(ROUTE, b'{"status": "running", "x": "\xff"}')
    job = client.job("J")

    assert await job.check_status() == "running"
    with pytest.raises(InvalidResponseError, match="job J: HTTP 200, but not JSON: not UTF-8"):
        await job.fetch()


@pytest.mark.anyio
async def test_failed_question_changes_nothing(server: LoopbackServer, client: Client) -> None:
    """A job that could not be asked keeps what was known of it."""
    job = BenchmarkJob("UNKNOWN", "running", "B", client=client)

    with pytest.raises(NotFoundError):
        await job.check_status()
    assert (job.status, job.benchmark_id) == ("running", "B")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "ask",
    [
        BenchmarkJob.check_status,
        BenchmarkJob.fetch,
        BenchmarkJob.wait,
        BenchmarkJob.download_results_as_csv,
        BenchmarkJob.get_scores,
        BenchmarkJob.get_failuire_rate,
        BenchmarkJob.get_all_explanations,
        lambda job: job.get_localized_explanations(True),
    ],
)
async def test_unknown_job_is_a_typed_error(client: Client, ask: Callable[[BenchmarkJob], Awaitable[object]]) -> None:
    """Unlike the SDK: a 404 is a NotFoundError in every call, never a KeyError or an empty frame."""
    with pytest.raises(NotFoundError, match="job UNKNOWN: HTTP 404, 'Not found'"):
        await ask(client.job("UNKNOWN"))


# -- results -----------------------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("name", JOBS)
async def test_getters_are_fetch_and_the_snapshots_methods(server: LoopbackServer, client: Client, name: str) -> None:
    """Each `get_…` is one request and what the snapshot of that document gives, in each form."""
    server.route(ROUTE, sample(name))
    job, snapshot = client.job("J"), sample_snapshot(name)

    pd.testing.assert_frame_equal(snapshot.scores_frame(), await job.get_scores())
    pd.testing.assert_frame_equal(snapshot.failure_rates_frame(), await job.get_failuire_rate())
    assert snapshot.score_rows() == await job.get_scores(return_as_dataframe=False)
    assert snapshot.score_details() == await job.get_scores(False)
    assert snapshot.failure_rates() == await job.get_failure_rate(return_as_dataframe=False)
    assert snapshot.explanations() == await job.get_all_explanations()
    assert [snapshot.localized_explanations(*flags) for flags in ((False,), (True,), (True, True))] == [
        await job.get_localized_explanations(*flags) for flags in ((False,), (True,), (True, True))
    ]
    assert len(server.requests) == 9
    assert snapshot.status == job.status


@pytest.mark.anyio
async def test_all_explanations_ask_for_the_job(server: LoopbackServer, client: Client) -> None:
    """Unlike the SDK: the job is asked for by its id, not by its repr."""
    server.route(ROUTE, sample("completed"))
    await client.job("J").get_all_explanations()

    assert server.asked == [ROUTE]


# -- results as a file -------------------------------------------------------------------------------------------


@pytest.fixture
def with_results(server: LoopbackServer) -> LoopbackServer:
    """Give the test's server a job with results."""
    url = f"{server.url}/reports/J.csv?X-Amz-Signature=abc.def/ghi"
    server.route(ROUTE, sample("completed") | {"reportUrl": url})
    server.route("GET /reports/J.csv?X-Amz-Signature=abc.def/ghi", (SAMPLES / "results.csv").read_bytes())
    return server


@pytest.mark.anyio
async def test_default_path_of_results(
    with_results: LoopbackServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path the file is `aiXplain/<uuid4>.csv` below the working directory; its suffix is `.csv`."""
    monkeypatch.chdir(tmp_path)
    path = await client.job("J").download_results_as_csv()

    assert (tmp_path / "aiXplain", ".csv", 4) == (path.parent, path.suffix, uuid.UUID(path.stem).version)
    assert (SAMPLES / "results.csv").read_bytes() == path.read_bytes()


@pytest.mark.anyio
@pytest.mark.parametrize("as_text", [True, False])
async def test_path_of_ones_own(with_results: LoopbackServer, client: Client, tmp_path: Path, as_text: bool) -> None:
    """A path may be a text or a path, and is returned; what was there is replaced."""
    target = tmp_path / "mine.csv"
    target.write_text("old", "utf-8")
    path = await client.job("J").download_results_as_csv(str(target) if as_text else target)

    assert target == path
    assert (SAMPLES / "results.csv").read_bytes() == target.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.anyio
async def test_frame_leaves_no_file(
    with_results: LoopbackServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame without a path leaves no file, neither here nor where temporary files are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    frame = await client.job("J").download_results_as_csv(return_dataframe=True)

    assert (
        len(frame),
        str(frame["BLEU by sacrebleu"].dtype),
        str(frame["Model_success"].dtype),
    ) == (4, "float64", "bool")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_frame_and_file(with_results: LoopbackServer, client: Client, tmp_path: Path) -> None:
    """With both, the file is kept and the frame returned."""
    frame = await client.job("J").download_results_as_csv(tmp_path / "mine.csv", True)

    assert len(frame) == 4
    assert (SAMPLES / "results.csv").read_bytes() == (tmp_path / "mine.csv").read_bytes()


@pytest.mark.anyio
async def test_results_never_see_the_key(with_results: LoopbackServer, client: Client, tmp_path: Path) -> None:
    """The request for the results carries no key and none of the client's headers (F15)."""
    view = client.with_options(default_headers={"X-Team": "blue"})
    await view.job("J").download_results_as_csv(tmp_path / "mine.csv")
    asked, fetched = with_results.requests

    assert ("blue", f"Token {'k3y-of-the-team'}") == (asked.headers["X-Team"], asked.headers["Authorization"])
    assert {name.lower() for name in fetched.headers} == {"host", "user-agent", "accept", "accept-encoding"}


@pytest.mark.anyio
@pytest.mark.parametrize("url", [None, ""])
async def test_results_that_are_not_there_yet(
    server: LoopbackServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    """Unlike the SDK: without a result URL ResultsNotReadyError says how the job stands; no file is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server.route(ROUTE, job_document(status="in_progress", reportUrl=url))

    for return_dataframe in (True, False):
        with pytest.raises(ResultsNotReadyError, match="its status is 'in_progress'; wait") as caught:
            await client.job("J").download_results_as_csv(return_dataframe=return_dataframe)
        assert (caught.value.job_id, caught.value.status) == ("J", "in_progress")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.anyio
async def test_results_that_are_no_csv(server: LoopbackServer, client: Client, tmp_path: Path) -> None:
    """A page instead of the CSV is a ResultParseError with its line when a frame is asked for."""
    server.route(ROUTE, job_document(reportUrl=f"{server.url}/r"))
    server.route("GET /r", b"<?xml version='1.0'?><Error/>")

    with pytest.raises(ResultParseError, match="the results of job J are not a usable CSV, line 1") as caught:
        await client.job("J").download_results_as_csv(tmp_path / "mine.csv", return_dataframe=True)
    assert (caught.value.job_id, caught.value.line) == ("J", 1)


@pytest.mark.anyio
async def test_hostile_result_url(server: LoopbackServer, client: Client, tmp_path: Path) -> None:
    """A result URL that leads to a private address is refused, and nothing is written (F16)."""
    server.route(ROUTE, job_document(reportUrl="https://169.254.169.254/latest/meta-data?x=s3cret"))

    with pytest.raises(UnsafeURLError, match="not on the public internet") as caught:
        await client.job("J").download_results_as_csv(tmp_path / "mine.csv")
    assert (caught.value.job_id, caught.value.url) == ("J", "https://169.254.169.254/latest/meta-data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
@pytest.mark.parametrize("max_bytes", [-1, 1.5, True, None, "1"])
async def test_odd_cap_is_refused(server: LoopbackServer, client: Client, max_bytes: Any) -> None:
    """`max_bytes` is a number of bytes; anything else is refused before any request."""
    with pytest.raises(ConfigurationError, match="max_bytes="):
        await client.job("J").download_results_as_csv(max_bytes=max_bytes)
    assert server.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "bad", [{"poll": 2.0}, {"timeout": -1}, {"timeout": "1"}, {"timeout": float("nan")}, {"stall_after": True}]
)
async def test_odd_waiting_is_refused(server: LoopbackServer, client: Client, bad: dict[str, Any]) -> None:
    """`watch()` and `wait()` refuse what is no policy and no number of seconds before any request, by name."""
    (name,) = bad

    with pytest.raises(ConfigurationError, match=f"{name}="):
        await client.job("J").wait(**bad)
    with pytest.raises(ConfigurationError, match=f"{name}="):
        await anext(client.job("J").watch(**bad))
    assert server.requests == []


@pytest.mark.parametrize("name", ["clent", "cleint", "Client", "clients", "cilent", "lient", "client_", "clinte"])
def test_a_misspelt_client_is_refused(name: str) -> None:
    """A keyword that is a slip away from `client` is a TypeError that names it, not information."""
    with pytest.raises(TypeError, match="did you mean 'client'") as caught:
        BenchmarkJob("J", "", "B", **{name: None})
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["colour", "agent", "client_name", "patient", "silent", "clean"])
def test_other_keywords_are_kept(name: str) -> None:
    """Whatever is not that close to `client` is kept in `additional_info`."""
    assert BenchmarkJob("J", "", "B", **{name: 1}).additional_info == {name: 1}
