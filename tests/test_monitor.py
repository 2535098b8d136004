"""Many jobs in one stream, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pandas as pd
import pytest

from aiobench import (
    Abandoned,
    AuthenticationError,
    BenchmarkJob,
    Client,
    ClientClosedError,
    ClientStateError,
    ConfigurationError,
    Finished,
    JobSnapshot,
    JobsWaitTimeoutError,
    Monitor,
    MonitorEvent,
    MonitorStats,
    NotFoundError,
    PollFailed,
    PollPolicy,
    Progressed,
    Stalled,
    StatusChanged,
    WaitTimeoutError,
)
from aiobench._watch.news import NewsQueue
from faults.server import Exchange, FaultServer, answer, hold, reply, running

pytestmark = pytest.mark.anyio

QUICK = PollPolicy(interval=0.02, max_interval=0.05)
PATIENCE = 30.0  # seconds: a safety limit


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Run a platform that follows a script."""
    with running() as server:
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[Client]:
    """Make a client of the server that polls quickly."""
    async with Client("key", base_url=server.base_url, poll=QUICK, trust_env=False) as client:
        yield client


def fill(server: FaultServer, count: int, *, status: str = "in_progress", benchmark: str = "b1") -> list[str]:
    """Give the platform some jobs of one benchmark; return their ids."""
    ids = [f"{benchmark}-{number}" for number in range(count)]
    for job_id in ids:
        server.add_job(job_id, status, benchmark)
    return ids


def finish(server: FaultServer, *ids: str, status: str = "completed") -> None:
    """Let jobs have another status."""
    for job_id in ids:
        server.jobs[job_id]["status"] = status


async def events_of(monitor: Monitor) -> list[MonitorEvent]:
    """Collect all events until the iteration ends."""
    return [event async for event in monitor]


async def watched_until(monitor: Monitor, is_enough: Callable[[MonitorStats], bool]) -> list[MonitorEvent]:
    """Collect events until the figures are as they should be."""
    found: list[MonitorEvent] = []

    async def collect() -> None:
        async for event in monitor:
            found.append(event)  # noqa: PERF401 - what was collected counts, though it is cancelled

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(collect)
        with anyio.fail_after(PATIENCE):
            while not is_enough(monitor.stats):  # noqa: ASYNC110 - figures come without an event
                await anyio.sleep(0.002)
        tasks.cancel_scope.cancel()
    return found


def ends(events: list[MonitorEvent]) -> list[str]:
    """Name the jobs that have ended, in order."""
    return sorted(event.job.id for event in events if isinstance(event, Finished | Abandoned))


async def test_each_job_ends_with_its_document(server: FaultServer, client: Client) -> None:
    """A batch ends by itself, with one `Finished` a job that holds the full document."""
    ids = fill(server, 5, status="completed")
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        events = await events_of(monitor)
    assert ids == ends(events)
    assert all(isinstance(event, Finished) and event.snapshot.raw["jobId"] == event.job.id for event in events)


async def test_one_list_answers_for_a_benchmark(server: FaultServer, client: Client) -> None:
    """The jobs of one benchmark are asked for with one list a round; only ends cost a request each."""
    ids = fill(server, 20)
    jobs = [client.job(job_id, "b1") for job_id in ids]
    async with client.monitor(jobs) as monitor:
        await watched_until(monitor, lambda stats: stats.list_requests > 3)
        before = monitor.stats
        finish(server, *ids)
        await events_of(monitor)
        stats = monitor.stats
    assert before.list_requests == before.requests
    assert before.polls in {20 * before.requests, 20 * (before.requests - 1)}  # one may be in flight
    assert (stats.jobs, stats.finished, stats.pending) == (20, 20, 0)
    assert stats.requests == stats.list_requests + 20


async def test_ids_learn_their_benchmark_from_the_first_document(server: FaultServer, client: Client) -> None:
    """Jobs given as ids are asked for once each, and then by their benchmark's list."""
    ids = fill(server, 8)
    async with client.monitor(ids) as monitor:
        await watched_until(monitor, lambda stats: stats.list_requests > 1)
        finish(server, *ids)
        events = await events_of(monitor)
        stats = monitor.stats
    assert ids == ends(events)
    assert stats.list_requests > 0
    assert stats.requests - stats.list_requests <= 2 * len(ids)


async def test_changes_are_told_but_not_the_first_poll_or_the_end(server: FaultServer, client: Client) -> None:
    """`StatusChanged` names both statuses; neither the first status nor the last is one."""
    (job_id,) = fill(server, 1, status="queued")
    server.script(
        "jobs/b1-0",
        *(answer(200, {"jobId": job_id, "status": status}) for status in ("queued", "queued", "running", "completed")),
    )
    async with client.monitor([job_id]) as monitor:
        events = await events_of(monitor)
    job = events[-1].job if isinstance(events[-1], Finished) else None
    assert events[:-1] == [StatusChanged(job, "queued", "running")]  # type: ignore[arg-type]
    assert (job and job.status) == "completed"


async def test_progress_is_told_where_the_reply_shows_it(server: FaultServer, client: Client) -> None:
    """A single job's document shows progress; each step is reported."""
    steps = [{"jobId": "j", "status": "running", "progress": {"completedPercentage": p}} for p in (1, 2, 2)]
    server.script("jobs/j", *(answer(200, step) for step in steps), always=answer(200, {"status": "completed"}))
    async with client.monitor(["j"]) as monitor:
        events = await events_of(monitor)
    assert [event.progress.completed_percentage for event in events if isinstance(event, Progressed)] == [2.0]


async def test_a_job_that_is_not_there_is_abandoned(server: FaultServer, client: Client) -> None:
    """A 404 ends the watch of that job alone, with the error."""
    ids = fill(server, 2, status="completed")
    async with client.monitor([*ids, "nowhere"]) as monitor:
        events = await events_of(monitor)
    assert ends(events) == [*ids, "nowhere"]
    (abandoned,) = (event for event in events if isinstance(event, Abandoned))
    assert isinstance(abandoned.error, NotFoundError)


async def test_no_jobs_end_at_once(client: Client) -> None:
    """An empty set of jobs is a batch that is done."""
    async with client.monitor([]) as monitor:
        assert await events_of(monitor) == []


async def test_the_same_job_twice_is_watched_once(server: FaultServer, client: Client) -> None:
    """A job and its id, added several times, have one end between them; the first object is the one reported."""
    fill(server, 1, status="completed")
    job = client.job("b1-0", "b1")
    async with client.monitor([job, "b1-0", client.job("b1-0")]) as monitor:
        monitor.add("b1-0")
        events = await events_of(monitor)
        monitor.add("b1-0")
        events += await events_of(monitor)
    assert [event.job for event in events if isinstance(event, Finished)] == [job]


async def test_a_refused_key_stops_everything(server: FaultServer, client: Client) -> None:
    """F11: a 401 is the key's fault: the iteration raises it bare, and nothing more is sent."""
    ids = fill(server, 3)
    server.script("GET", always=answer(401, {"message": "no"}))
    with pytest.raises(AuthenticationError):
        async with client.monitor(ids) as monitor:
            await events_of(monitor)


async def test_a_listed_end_is_confirmed_by_the_document(server: FaultServer, client: Client) -> None:
    """The list's word of an end is not believed: a document that says otherwise keeps the job watched."""
    ids = fill(server, 3)
    running_still = [answer(200, {"jobId": "b1-0", "status": "in_progress", "benchmark": {"id": "b1"}})] * 2
    server.script("jobs/b1-0", *running_still)
    finish(server, *ids)
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        events = await events_of(monitor)
    assert ids == ends(events)
    assert len(server.sent_to("jobs/b1-0")) == 3


async def test_a_failing_confirmation_delays_the_end(server: FaultServer, client: Client) -> None:
    """A passing failure of the document's request loses no end."""
    ids = fill(server, 3, status="completed")
    server.script("jobs/b1-1", answer(503), answer(200, b"<html>"))
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        events = await events_of(monitor)
        stats = monitor.stats
    assert ids == ends(events)
    assert stats.failed_polls == 2


async def test_a_job_the_list_lacks_is_asked_singly(server: FaultServer, client: Client) -> None:
    """Jobs that the list leaves out, or shows as garbage, are not lost."""
    ids = fill(server, 4, status="completed")
    partial = [{"jobId": "b1-0", "status": "completed"}, {"jobId": "b1-1", "status": 7}, {"status": "x"}, None]
    server.script("GET /sdk/benchmarks/b1/jobs", always=answer(200, partial))
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        assert ids == ends(await events_of(monitor))


async def test_a_job_of_another_benchmark_finds_its_own(server: FaultServer, client: Client) -> None:
    """A job whose benchmark was named wrongly is asked singly, and joins the right one."""
    fill(server, 3, benchmark="right")
    fill(server, 2, benchmark="wrong")
    jobs = [client.job("right-0", "wrong"), client.job("wrong-0", "wrong"), client.job("wrong-1", "wrong")]
    async with client.monitor(jobs) as monitor:
        await watched_until(monitor, lambda _: jobs[0].benchmark_id == "right")
        finish(server, *server.jobs)
        assert ends(await events_of(monitor)) == ["right-0", "wrong-0", "wrong-1"]


@pytest.mark.parametrize("status", [403, 404])
async def test_without_a_list_the_jobs_are_asked_singly(server: FaultServer, client: Client, status: int) -> None:
    """A list route that refuses is no end of anything: it is left alone for ten rounds."""
    ids = fill(server, 3)
    server.script("GET /sdk/benchmarks/b1/jobs", always=answer(status, {"message": "no list"}))
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        await watched_until(monitor, lambda stats: stats.requests > 25 * len(ids))
        stats = monitor.stats
        finish(server, *ids)
        assert ids == ends(await events_of(monitor))
    singles = stats.requests - stats.list_requests
    assert 2 <= stats.list_requests <= 1 + singles // (10 * len(ids))


async def test_a_list_over_the_cap_is_replaced_by_single_requests(server: FaultServer, client: Client) -> None:
    """F06: a job list over the cap means asking singly."""
    ids = fill(server, 3, status="completed")
    huge = b'[{"jobId": "' + b"x" * (8 * 2**20) + b'"}]'
    server.script("GET /sdk/benchmarks/b1/jobs", always=answer(200, huge))
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        assert ids == ends(await events_of(monitor))


async def test_a_dear_list_is_left_for_single_requests(server: FaultServer, client: Client) -> None:
    """A list that weighs more than the watched jobs are worth is asked for once."""
    fill(server, 3)
    for number in range(3000):
        server.add_job(f"other-{number}")
    async with client.monitor([client.job("b1-0", "b1"), client.job("b1-1", "b1")]) as monitor:
        await watched_until(monitor, lambda stats: stats.requests > 30)
        assert monitor.stats.list_requests == 1
        for number in range(3000):
            del server.jobs[f"other-{number}"]
        finish(server, "b1-0", "b1-1")
        assert ends(await events_of(monitor)) == ["b1-0", "b1-1"]


async def test_lists_come_back_when_more_jobs_are_watched(server: FaultServer, client: Client) -> None:
    """What is cheaper is decided anew: a list too dear for two jobs is right for fifty."""
    ids = fill(server, 600)
    async with client.monitor([client.job(job_id, "b1") for job_id in ids[:2]]) as monitor:
        await watched_until(monitor, lambda stats: stats.requests > 10)
        assert monitor.stats.list_requests == 1
        monitor.add(*(client.job(job_id, "b1") for job_id in ids[2:52]))
        await watched_until(monitor, lambda stats: stats.list_requests > 1)
        finish(server, *ids)
        assert sorted(ids[:52]) == ends(await events_of(monitor))


async def test_failed_polls_are_told_and_lose_nothing(server: FaultServer, client: Client) -> None:
    """`PollFailed` names the jobs that the request asked for; they are polled again."""
    ids = fill(server, 3, status="completed")
    server.script("GET /sdk/benchmarks/b1/jobs", answer(500), answer(200, b"{"))
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        events = await events_of(monitor)
        stats = monitor.stats
    failed = [event for event in events if isinstance(event, PollFailed)]
    assert [ids] * len(failed) == [sorted(job.id for job in event.jobs) for event in failed]
    assert (2, ids) == (stats.failed_polls, ends(events))


async def test_time_is_up(server: FaultServer, client: Client) -> None:
    """`timeout` raises with the ids of both kinds, after what is known was reported."""
    ids = fill(server, 4)
    finish(server, "b1-0", "b1-1")
    seen: list[MonitorEvent] = []

    async def collect() -> None:
        async with client.monitor([client.job(job_id, "b1") for job_id in ids], timeout=0.3) as monitor:
            while True:
                seen.append(await anext(monitor))

    with pytest.raises(JobsWaitTimeoutError, match="2 of 4 jobs are not done") as caught:
        await collect()
    assert ends(seen) == ["b1-0", "b1-1"]
    assert ({"b1-0", "b1-1"}, {"b1-2", "b1-3"}) == (caught.value.finished, caught.value.pending)


async def test_one_poll_is_made_without_any_time(server: FaultServer, client: Client) -> None:
    """With no time at all, jobs that have ended are reported."""
    ids = fill(server, 4, status="completed")
    async with client.monitor([client.job(job_id, "b1") for job_id in ids], timeout=0) as monitor:
        assert ids == ends(await events_of(monitor))


async def test_a_server_that_never_answers_does_not_hold_the_deadline(server: FaultServer, client: Client) -> None:
    """No hang past the deadline: a request without an answer is left."""
    server.script("GET", always=hold)
    with pytest.raises(JobsWaitTimeoutError) as caught:
        async with client.monitor(["j"], timeout=0.1) as monitor:
            await events_of(monitor)
    assert caught.value.pending == {"j"}


async def test_stalled_jobs_are_told_once(server: FaultServer, client: Client) -> None:
    """A job without a change is reported once, and again only after a change."""
    ids = fill(server, 2, status="running")
    stalled: list[str] = []
    async with client.monitor([client.job(job_id, "b1") for job_id in ids], stall_after=0.5) as monitor:
        async for event in monitor:  # half a second, for a first poll that takes longer is a stall of its own
            match event:
                case Stalled(job=job, seconds=seconds):
                    assert seconds >= 0.5
                    stalled.append(job.id)
                    if len(stalled) == 2:
                        finish(server, ids[0], status="post_processing")
                    if len(stalled) == 3:
                        finish(server, *ids)
                case _:
                    pass
    assert stalled[2:] == [ids[0]]
    assert ids == sorted(stalled[:2])


async def test_add_in_the_loop_counts(server: FaultServer, client: Client) -> None:
    """A job added while the last one's end is handled is watched, too."""
    ids = fill(server, 3, status="completed")
    found = []
    async with client.monitor(ids[:1]) as monitor:
        async for event in monitor:
            assert isinstance(event, Finished)
            found.append(event.job.id)
            if len(found) < 3:
                monitor.add(ids[len(found)])
    assert ids == found


async def test_a_service_goes_on_until_it_is_drained(server: FaultServer, client: Client) -> None:
    """With `keep_open` the iteration waits for more jobs, which any task may add, until `drain()`."""
    ids = fill(server, 3, status="completed")
    found: list[str] = []
    async with client.monitor(keep_open=True) as monitor, anyio.create_task_group() as tasks:

        async def feed() -> None:
            for job_id in ids:
                monitor.add(job_id)
                while job_id not in found:
                    await anyio.lowlevel.checkpoint()
            monitor.drain()

        tasks.start_soon(feed)
        async for event in monitor:
            assert isinstance(event, Finished)
            found.append(event.job.id)
    assert ids == found


async def test_aclose_ends_the_iteration(server: FaultServer, client: Client) -> None:
    """`aclose()` from another task ends the loop, cancels nothing else, and refuses more jobs."""
    ids = fill(server, 2)
    async with client.monitor(ids) as monitor, anyio.create_task_group() as tasks:

        async def close() -> None:
            while not monitor.stats.polls:
                await anyio.lowlevel.checkpoint()
            await monitor.aclose()

        tasks.start_soon(close)
        assert ends(await events_of(monitor)) == []
        with pytest.raises(ClientStateError, match="over"):
            monitor.add("another")


async def test_a_second_consumer_is_refused(server: FaultServer, client: Client) -> None:
    """Two tasks cannot share one stream: the second gets a RuntimeError."""
    fill(server, 1)
    async with client.monitor(["b1-0"]) as monitor, anyio.create_task_group() as tasks:
        tasks.start_soon(events_of, monitor)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="one consumer"):
            await anext(monitor)
        tasks.cancel_scope.cancel()


async def test_a_monitor_is_entered_first_and_once(client: Client) -> None:
    """Iterating without `async with`, or entering twice, is a clear error."""
    monitor = client.monitor([])
    with pytest.raises(ClientStateError, match="async with"):
        await anext(monitor)
    async with monitor:
        pass
    with pytest.raises(ClientStateError, match="once"):
        async with monitor:
            pass


@pytest.mark.parametrize("journal", [None, "jobs.sqlite"])
def test_a_monitor_may_be_made_outside_of_any_loop(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: str, journal: str | None
) -> None:
    """A monitor can be made, filled and closed before there is an event loop, and is entered in the one that comes."""
    monkeypatch.chdir(tmp_path)
    first, second = fill(server, 2, status="completed")
    client = Client("key", base_url=server.base_url, poll=QUICK, trust_env=False)
    monitor = client.monitor([first], journal=journal)
    monitor.add(second)
    monitor.drain()

    async def main() -> list[MonitorEvent]:
        async with client, monitor:
            return await events_of(monitor)

    assert sorted(ends(anyio.run(main, backend=anyio_backend))) == [first, second]
    unused = client.monitor()
    anyio.run(unused.aclose, backend=anyio_backend)
    with pytest.raises(ClientStateError, match="over"):
        unused.add(first)


@pytest.mark.parametrize("bad", ["one-id", 7, [7], [""], [None], None, pd.DataFrame({"job": ["one-id"]})])
async def test_what_is_no_collection_of_jobs_is_refused(client: Client, bad: Any) -> None:
    """A single id, a number, an empty id, a frame: refused when the monitor is made."""
    with pytest.raises(ConfigurationError):
        client.monitor(bad)


async def test_a_job_of_another_client_is_refused(server: FaultServer, client: Client) -> None:
    """A job belongs to the client that made it, or a view of that; a monitor of another one says what to do."""
    async with Client("other", base_url=server.base_url) as other:
        with pytest.raises(ConfigurationError, match=r"job J belongs to another client .* pass its id"):
            other.monitor([client.job("J")])

    assert client.monitor([client.with_options(timeout=1.0).job("J")]).stats.jobs == 1


@pytest.mark.parametrize("bad", [{"timeout": -1}, {"stall_after": float("nan")}, {"ack": "later"}])
async def test_settings_that_cannot_be_used_are_refused(client: Client, bad: Any) -> None:
    """A setting that makes no sense is refused when the monitor is made."""
    with pytest.raises(ConfigurationError):
        client.monitor([], **bad)


async def test_an_exception_of_the_body_comes_out_bare(server: FaultServer, client: Client) -> None:
    """What the body raises leaves `async with` as it is, never in a group."""
    fill(server, 2)
    with pytest.raises(ZeroDivisionError):
        async with client.monitor(["b1-0", "b1-1"]):
            raise ZeroDivisionError


async def test_cancelling_the_consumer_stops_the_monitor(server: FaultServer, client: Client) -> None:
    """F22: cancelled in the middle, nothing runs on and the client works."""
    fill(server, 2)
    with anyio.move_on_after(0.1) as scope:
        async with client.monitor(["b1-0", "b1-1"]) as monitor:
            await events_of(monitor)
    assert scope.cancelled_caught
    sent = len(server.requests)
    assert await client.job("b1-0").check_status() == "in_progress"
    assert sent + 1 == len(server.requests)


async def test_closing_the_client_ends_the_monitor(server: FaultServer, client: Client) -> None:
    """A client closed under a monitor is an error of the iteration, not a hang."""
    fill(server, 2)
    async with client.monitor(["b1-0", "b1-1"]) as monitor:
        while not monitor.stats.polls:
            await anyio.lowlevel.checkpoint()
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await events_of(monitor)


async def test_a_429_pauses_every_request_to_the_platform(server: FaultServer, client: Client) -> None:
    """F08: while the server asks for quiet, a monitor sends nothing at all."""
    ids = fill(server, 6, benchmark="b1") + fill(server, 6, benchmark="b2")
    pause = threading.Event()

    async def busy(exchange: Exchange) -> None:
        await exchange.send(reply(429, b"", Retry_After="1"))
        pause.set()

    server.script("GET /sdk/benchmarks/b1/jobs", busy)
    jobs = [client.job(job_id, job_id[:2]) for job_id in ids]
    async with client.monitor(jobs) as monitor:
        with anyio.move_on_after(0.7):
            await events_of(monitor)
        assert pause.is_set()
        in_flight_at_the_429 = 2
        assert len(server.requests) <= in_flight_at_the_429
        finish(server, *ids)
        assert sorted(ids) == ends(await events_of(monitor))


async def test_a_slow_consumer_bounds_the_documents_that_are_held(server: FaultServer, client: Client) -> None:
    """Ends that nobody takes are not fetched without bound, nor twice; every one of them comes in the end."""
    ids = fill(server, 300, status="completed")
    async with client.monitor([client.job(job_id, "b1") for job_id in ids]) as monitor:
        first = await anext(monitor)
        with anyio.move_on_after(0.5):
            await anyio.sleep_forever()
        fetched = len(server.sent_to("jobs/b1-"))
        rest = []
        async for event in monitor:
            rest.append(event)
            for _ in range(5):  # as many turns as a request takes, so that each place that comes free is seen
                await anyio.sleep(0.001)
    assert sorted(ids) == ends([first, *rest])
    assert fetched <= NewsQueue.SIZE + 1
    assert len(server.sent_to("jobs/b1-")) == len(ids)


async def test_room_that_comes_during_a_pause_is_seen(server: FaultServer, client: Client) -> None:
    """A consumer that catches up while the server asks everybody to wait gets the other ends after that."""
    ids = fill(server, NewsQueue.SIZE + 3, status="completed")
    for document in server.jobs.values():
        del document["benchmark"]  # so that no list is due, which would wake the monitor
    async with client.monitor(ids, timeout=10.0) as monitor:
        first = await anext(monitor)
        while monitor.stats.polls < len(ids):  # noqa: ASYNC110 - figures come without an event
            await anyio.sleep(0.001)
        session = client._context.platform.session
        session.pauses.extend(session.origin, 0.2, session.now())
        rest = await events_of(monitor)
    assert sorted(ids) == sorted(ends([first, *rest]))


async def test_wait_all_keeps_the_order_and_gives_each_its_outcome(server: FaultServer, client: Client) -> None:
    """`wait_all` returns snapshots and errors, one a job, in the order of the jobs."""
    fill(server, 3, status="completed")
    finish(server, "b1-1", status="in_progress")
    jobs: list[BenchmarkJob | str] = ["b1-2", client.job("nowhere"), "b1-1", client.job("b1-0", "b1"), "b1-2"]
    outcomes = await client.wait_all(jobs, timeout=0.3)
    assert list(outcomes) == ["b1-2", "nowhere", "b1-1", "b1-0"]
    assert [type(each) for each in outcomes.values()] == [JobSnapshot, NotFoundError, WaitTimeoutError, JobSnapshot]


async def test_wait_all_of_nothing_is_nothing(client: Client) -> None:
    """An empty set of jobs has no outcomes."""
    assert await client.wait_all([]) == {}


async def test_the_repr_tells_the_state(server: FaultServer, client: Client) -> None:
    """The text of a monitor says how many jobs it has and how many have ended."""
    fill(server, 2, status="completed")
    async with client.monitor(["b1-0", "b1-1"]) as monitor:
        assert repr(monitor) == "<Monitor of 2 jobs, 0 finished, 2 pending>"
        await events_of(monitor)
        assert repr(monitor) == "<Monitor of 2 jobs, 2 finished, 0 pending>"
