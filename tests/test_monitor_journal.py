"""What a monitor keeps for a service: notes, its jobs, starts that survive, and what an earlier run handled."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from aiobench import (
    Abandoned,
    BenchmarkJob,
    Client,
    ClientStateError,
    ConfigurationError,
    Finished,
    JobState,
    JournalError,
    Monitor,
    MonitorEvent,
    NotFoundError,
    PollPolicy,
    Progressed,
    Stalled,
    StartInterrupted,
    StartOutcomeUnknownError,
    StatusChanged,
    sync,
)
from aiobench import monitor as monitor_module
from aiobench._journal.journal import Journal
from aiobench._monitor import starts
from faults.server import FaultServer, answer, reset, running

pytestmark = pytest.mark.anyio

QUICK = PollPolicy(interval=0.02, max_interval=0.05)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Run a platform that follows a script."""
    with running() as server:
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[Client]:
    """Make a client of the server that polls quickly."""
    async with Client("key", base_url=server.base_url, poll=QUICK, trust_env=False, max_retries=0) as client:
        yield client


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Name a journal that is not there yet."""
    return tmp_path / "jobs.sqlite"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job be in the list as soon as it is started."""
    monkeypatch.setattr(starts, "SETTLED", 0.1)
    monkeypatch.setattr(starts, "LOOK_AGAIN", 0.01)


async def events_of(monitor: Monitor) -> list[MonitorEvent]:
    """Collect all events until the iteration ends."""
    return [event async for event in monitor]


def wish(server: FaultServer, path: Path, note: str | None, before: frozenset[str] | None) -> None:
    """Leave a journal as a process does that was killed while it started a job of b1."""
    file = Journal(path, server.base_url.rstrip("/") + "/")
    file.open()
    file.begin_start("b1", note, before)
    file.close()


# -- notes -------------------------------------------------------------------------------------------------------------


async def test_every_event_of_a_job_has_its_note(server: FaultServer, client: Client) -> None:
    """A note comes back with each event of the jobs that were added with it, and with no other."""
    server.script(
        "jobs/j",
        answer(200, {"status": "queued", "progress": {"completedPercentage": 1}}),
        answer(200, {"status": "running", "progress": {"completedPercentage": 2}}),
        always=answer(200, {"status": "completed"}),
    )
    server.add_job("other", "completed")
    note = {"by": "somebody", "tags": [1, None]}
    async with client.monitor() as monitor:
        monitor.add("j", "nowhere", note=note)
        monitor.add("other")
        events: list[Any] = await events_of(monitor)
    kinds = {type(event) for event in events if event.job.id != "other"}
    assert kinds == {StatusChanged, Progressed, Finished, Abandoned}
    assert [note] * 4 == [event.note for event in events if event.job.id != "other"]
    assert [event.note for event in events if event.job.id == "other"] == [None]


async def test_a_stalled_job_has_its_note(server: FaultServer, client: Client) -> None:
    """A stall says whose job it is."""
    server.add_job("j", "running")
    async with client.monitor(stall_after=0.05) as monitor:
        monitor.add("j", note="mine")
        event = await anext(monitor)
    assert isinstance(event, Stalled)
    assert event.note == "mine"


async def test_notes_survive_a_restart(server: FaultServer, client: Client, journal: Path) -> None:
    """A note is kept in the journal; adding the job again without one does not lose it, with one replaces it."""
    for job_id in ("a", "b"):
        server.add_job(job_id, "running")
    async with client.monitor(journal=journal) as monitor:
        monitor.add("a", note=[1])
        monitor.add("b", note=[2])
    for document in server.jobs.values():
        document["status"] = "completed"
    async with client.monitor(["a"], journal=journal) as monitor:
        monitor.add("b", note="new")
        events: list[Any] = await events_of(monitor)
    assert {event.job.id: event.note for event in events} == {"a": [1], "b": "new"}


@pytest.mark.parametrize(
    "bad", [object(), {1: 2}, (1, 2), float("nan"), b"x", "x" * 4096, "é" * 2048, [object()], "\ud800"]
)
async def test_what_is_no_note_is_refused(client: Client, bad: Any) -> None:
    """A note that is no JSON value, or takes over 4 kB, is refused before anything is watched or sent."""
    async with client.monitor() as monitor:
        with pytest.raises(ConfigurationError, match="note="):
            monitor.add("j", note=bad)
        with pytest.raises(ConfigurationError, match="note="):
            await monitor.start("b1", note=bad)
        assert monitor.stats.jobs == 0


async def test_the_longest_note(server: FaultServer, client: Client) -> None:
    """A note may take 4096 bytes as JSON."""
    server.add_job("j", "completed")
    async with client.monitor() as monitor:
        monitor.add("j", note="x" * 4094)
        (event,) = await events_of(monitor)
    assert event.note == "x" * 4094  # type: ignore[union-attr]


# -- what is being watched ---------------------------------------------------------------------------------------------


async def test_jobs_shows_what_is_being_watched(server: FaultServer, client: Client) -> None:
    """`monitor.jobs` has every job from `add` to its end, with its last state."""
    server.add_job("j", "running", progress={"completedPercentage": 5})
    job = client.job("j")
    async with client.monitor([job]) as monitor:
        monitor.add("j", note=7)
        jobs = monitor.jobs
        assert (list(jobs), len(jobs), jobs["j"].status) == (["j"], 1, "")
        while not monitor.stats.polls:
            await anyio.lowlevel.checkpoint()
        state = jobs["j"]
        assert isinstance(state, JobState)
        assert (job, "running", 7) == (state.job, state.status, state.note)
        assert state.progress is not None
        assert state.progress.completed_percentage == 5
        assert 0 <= state.quiet < 30
        assert [state.job] == [each.job for each in jobs.values()] == [each.job for _, each in jobs.items()]
        server.jobs["j"]["status"] = "completed"
        await events_of(monitor)
        assert dict(jobs) == {}
        with pytest.raises(KeyError):
            jobs["j"]
        assert "j" not in jobs


async def test_jobs_may_change_while_somebody_iterates(server: FaultServer, client: Client) -> None:
    """Iterating over `monitor.jobs` with pauses sees no job twice, and passes over those that end meanwhile."""
    for number in range(5):
        server.add_job(f"j{number}", "completed")
    async with client.monitor(keep_open=True) as monitor:
        monitor.add(*server.jobs)
        items = iter(monitor.jobs.items())
        first, _ = next(items)
        while monitor.stats.pending:
            await anext(monitor)
        assert [job_id for job_id, _ in items] == []
        assert first in server.jobs


def test_jobs_in_the_blocking_world(server: FaultServer) -> None:
    """`aiobench.sync` shows the same, with jobs of its own world."""
    server.add_job("j", "running")
    with sync.Client("key", base_url=server.base_url, trust_env=False) as client:
        job = client.job("j")
        with client.monitor([job]) as monitor:
            assert {job_id: state.job for job_id, state in monitor.jobs.items()} == {"j": job}
            assert job is monitor.jobs["j"].job


# -- a second run ------------------------------------------------------------------------------------------------------


async def test_a_second_run_says_what_the_first_handled(
    server: FaultServer, client: Client, journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without `replay`, ends that were handled before are a number, and a line of the log that names `replay`."""
    for job_id in ("a", "b", "c"):
        server.add_job(job_id, "completed")
    with caplog.at_level(logging.INFO, "aiobench.watch"):
        async with client.monitor(["a", "b"], journal=journal) as monitor:
            assert len(await events_of(monitor)) == 2
            assert monitor.stats.handled_before == 0
        assert caplog.messages == []
        async with client.monitor(["a", "b", "c"], journal=journal) as monitor:
            assert [event.job.id for event in await events_of(monitor)] == ["c"]  # type: ignore[union-attr]
            assert monitor.stats.handled_before == 2
    (line,) = caplog.messages
    assert "2 jobs" in line
    assert "replay=True" in line


@pytest.mark.parametrize("names_them", [True, False])
async def test_replay_reports_them_once_more(
    server: FaultServer, client: Client, journal: Path, names_them: bool
) -> None:
    """With `replay=True` each end that was handled before is reported again, with its note, any number of times."""
    for job_id in ("a", "b"):
        server.add_job(job_id, "completed")
    jobs = ["a", "b"] if names_them else []
    async with client.monitor(journal=journal) as monitor:
        monitor.add("a", "b", "nowhere", note="x")
        assert len(await events_of(monitor)) == 3
    for _ in range(2):
        async with client.monitor(jobs, journal=journal, replay=True) as monitor:
            events: list[Any] = await events_of(monitor)
            assert monitor.stats.handled_before == 0
        assert sorted(event.job.id for event in events) == ["a", "b", "nowhere"]
        assert {event.note for event in events} == {"x"}
    async with client.monitor(jobs, journal=journal) as monitor:
        assert await events_of(monitor) == []
        assert monitor.stats.handled_before == 3


# -- starts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_journal", [True, False])
async def test_a_started_job_is_watched(server: FaultServer, client: Client, journal: Path, has_journal: bool) -> None:
    """`start` starts one job, and the monitor reports its end with the note."""
    async with client.monitor(keep_open=True, journal=journal if has_journal else None) as monitor:
        job = await monitor.start("b1", note={"n": 1})
        assert isinstance(job, BenchmarkJob)
        assert list(server.jobs) == [job.id]
        assert [monitor.jobs[job.id].job.benchmark_id, monitor.jobs[job.id].note] == ["b1", {"n": 1}]
        server.jobs[job.id]["status"] = "completed"
        event = await anext(monitor)
        assert Finished(job, event.snapshot, {"n": 1}) == event  # type: ignore[union-attr]


async def test_a_start_that_failed_is_no_wish(server: FaultServer, client: Client, journal: Path) -> None:
    """What a call has raised is not reported again: a refused start, and one lost for good."""
    async with client.monitor(journal=journal) as monitor:
        server.script("POST", answer(404, {"message": "none"}), reset)
        with pytest.raises(NotFoundError):
            await monitor.start("b1")
        with pytest.raises(StartOutcomeUnknownError):
            await monitor.start("b1")
    async with client.monitor(journal=journal) as monitor:
        assert await events_of(monitor) == []


async def test_a_start_while_the_iteration_waits(server: FaultServer, client: Client) -> None:
    """An iteration without jobs does not end while a job is being started."""
    events: list[MonitorEvent] = []
    async with client.monitor(["j"]) as monitor, anyio.create_task_group() as tasks:
        server.add_job("j", "completed")
        started = anyio.Event()

        async def start() -> None:
            job = await monitor.start("b1")
            server.jobs[job.id]["status"] = "completed"
            started.set()

        tasks.start_soon(start)
        await anyio.wait_all_tasks_blocked()
        events += await events_of(monitor)
        await started.wait()
    assert len(events) == 2


async def test_only_an_entered_monitor_starts(client: Client) -> None:
    """A monitor that is not entered, or over, starts nothing."""
    monitor = client.monitor()
    with pytest.raises(ClientStateError, match="async with"):
        await monitor.start("b1")
    async with monitor:
        pass
    with pytest.raises(ClientStateError, match="over"):
        await monitor.start("b1")
    async with client.monitor() as monitor:
        with pytest.raises(ConfigurationError, match="benchmark id"):
            await monitor.start(" ")


async def test_f37_the_one_new_job_is_watched(server: FaultServer, client: Client, journal: Path) -> None:
    """F37: after a kill, the only job that is new and that the journal does not know is watched, with the note."""
    wish(server, journal, '"mine"', frozenset({"old"}))
    for job_id in ("old", "known", "new"):
        server.add_job(job_id, "completed")
    async with client.monitor(["known"], journal=journal) as monitor:
        events: list[Any] = await events_of(monitor)
    assert {event.job.id: event.note for event in events} == {"known": None, "new": "mine"}
    async with client.monitor(journal=journal) as monitor:
        assert await events_of(monitor) == []


@pytest.mark.parametrize("new", [[], ["x", "y"]])
async def test_f37_what_is_not_certain_is_told_once(
    server: FaultServer, client: Client, journal: Path, new: list[str]
) -> None:
    """F37: with no new job or several, one `StartInterrupted` names what it could be, until it is handled."""
    wish(server, journal, '{"by":"me"}', frozenset({"old"}))
    for job_id in ("old", *new):
        server.add_job(job_id)
    expected = StartInterrupted("b1", {"by": "me"}, tuple(new))
    async with client.monitor(journal=journal) as monitor:
        assert await anext(monitor) == expected  # and is killed before it asks for more
    async with client.monitor(journal=journal, ack="manual") as monitor:
        assert await events_of(monitor) == [expected]
    async with client.monitor(journal=journal) as monitor:
        assert await events_of(monitor) == []


async def test_f37_a_benchmark_that_is_gone(server: FaultServer, client: Client, journal: Path) -> None:
    """F37: without the benchmark there is no job; a list that is refused is left to the next run."""
    wish(server, journal, None, frozenset())
    server.script("GET /sdk/benchmarks/b1/jobs", answer(403, {"message": "no"}), answer(404, {"message": "none"}))
    async with client.monitor(journal=journal) as monitor:
        assert await events_of(monitor) == []
    async with client.monitor(journal=journal) as monitor:
        assert await events_of(monitor) == [StartInterrupted("b1", None, ())]


async def test_f37_the_newest_start_is_cleared_up_first(server: FaultServer, client: Client, journal: Path) -> None:
    """F37: of two interrupted starts of one benchmark, each gets its own job."""
    wish(server, journal, "1", frozenset())
    wish(server, journal, "2", frozenset({"first"}))
    for job_id in ("first", "second"):
        server.add_job(job_id, "completed")
    async with client.monitor(journal=journal) as monitor:
        events: list[Any] = await events_of(monitor)
    assert {event.job.id: event.note for event in events} == {"first": 1, "second": 2}


async def test_f37_a_start_that_is_cancelled_is_cleared_up(server: FaultServer, client: Client, journal: Path) -> None:
    """F37: cancelled while the answer is on its way, a start that happened is watched in the same run."""

    async def start_and_say_nothing(exchange: Any) -> None:
        job_id = server.start("b1")
        server.jobs[job_id]["status"] = "completed"
        cancel()
        await exchange.until_client_leaves()

    server.script("POST", start_and_say_nothing)
    async with client.monitor(journal=journal) as monitor:
        with anyio.CancelScope() as scope:
            cancel = partial(anyio.from_thread.run_sync, scope.cancel, token=anyio.lowlevel.current_token())
            await monitor.start("b1", note="x")
        (event,) = await events_of(monitor)
    assert (event.job.id, event.note) == ("started-1", "x")  # type: ignore[union-attr]


# -- threads, tasks, files ---------------------------------------------------------------------------------------------


async def test_f35_the_users_threads_may_all_be_busy(server: FaultServer, client: Client, journal: Path) -> None:
    """F35: with no worker thread left, a monitor with a journal works, and is left."""
    server.add_job("j", "completed")
    release = threading.Event()
    give_up = threading.Timer(10.0, release.set)  # what waits for a thread cannot be cancelled
    give_up.start()
    async with anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(anyio.to_thread.run_sync, release.wait)
        await anyio.wait_all_tasks_blocked()
        try:
            async with client.monitor(["j"], journal=journal) as monitor:
                assert len(await events_of(monitor)) == 1
            assert not release.is_set()
        finally:
            give_up.cancel()
            release.set()


@pytest.mark.posix
async def test_f36_a_journal_that_is_deleted_ends_the_iteration(
    server: FaultServer, client: Client, journal: Path
) -> None:
    """F36: what can no longer be recorded is an error of the iteration, not a job that is forgotten."""
    server.add_job("j", "completed")
    async with client.monitor(["j"], journal=journal) as monitor:
        await anext(monitor)
        journal.unlink()
        with pytest.raises(JournalError, match="deleted while"):
            await anext(monitor)


async def test_a_monitor_is_left_by_the_task_that_entered_it(server: FaultServer, client: Client) -> None:
    """Leaving in another task is a sentence of ours, and nothing runs on."""
    server.add_job("j")
    monitor = client.monitor(["j"])
    error: list[BaseException] = []
    left = anyio.Event()

    async def leave() -> None:
        try:
            await monitor.__aexit__(None, None, None)
        except ClientStateError as caught:
            error.append(caught)
        left.set()

    async with anyio.create_task_group() as tasks:
        await monitor.__aenter__()
        tasks.start_soon(leave)
        await left.wait()
        await monitor.__aexit__(None, None, None)
    assert "task that entered" in str(error[0])


@pytest.mark.parametrize("bad", [":memory:", 5, b"x", True])
async def test_what_is_no_path_is_refused(client: Client, bad: Any) -> None:
    """A journal in memory would be lost with the process; anything else than a path is a mistake."""
    with pytest.raises(ConfigurationError, match="journal="):
        client.monitor(journal=bad)


async def test_home_is_expanded(server: FaultServer, client: Client, tmp_path: Path, monkeypatch: Any) -> None:
    """`~` is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    async with client.monitor(journal="~/jobs.sqlite"):
        pass
    assert (tmp_path / "jobs.sqlite").is_file()


# -- progress ----------------------------------------------------------------------------------------------------------


async def test_progress_is_one_line_for_all_jobs(
    server: FaultServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`progress=True` shows how many have ended and failed, the abandoned among the failed."""
    shown: list[tuple[int, int, int]] = []

    @asynccontextmanager
    async def of_jobs(label: str, progress: bool) -> AsyncIterator[Any]:
        assert (label, progress) == ("jobs", True)
        yield lambda *state: shown.append(state)
        shown.append((-1, -1, -1))

    monkeypatch.setattr(monitor_module._progress, "of_jobs", of_jobs)
    server.add_job("a", "completed")
    server.add_job("b", "failed")
    async with client.monitor(["a", "b", "nowhere"], progress=True) as monitor:
        await events_of(monitor)
    assert shown[0] == (0, 3, 0)
    assert shown[-2:] == [(3, 3, 2), (-1, -1, -1)]


@pytest.mark.parametrize("progress", [True, False])
async def test_a_cancelled_monitor_is_left_in_order(
    server: FaultServer, client: Client, journal: Path, progress: bool
) -> None:
    """Cancelled in the middle, a monitor stops its tasks and closes its journal, with a line of progress or without."""
    server.add_job("j", "running")
    for _ in range(2):
        with anyio.move_on_after(0.1) as scope:
            async with client.monitor(["j"], journal=journal, progress=progress) as monitor:
                await events_of(monitor)
        assert scope.cancelled_caught
    server.jobs["j"]["status"] = "completed"
    async with client.monitor(journal=journal) as monitor:
        assert len(await events_of(monitor)) == 1
