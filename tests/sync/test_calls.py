"""The blocking classes in one process: what calls give, whose threads they use, and what they refuse."""

from __future__ import annotations

import asyncio
import gc
import pickle
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import aiobench
from aiobench import sync
from aiobench.sync import _steps
from aiobench.sync._steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conftest import Platform

QUICK = sync.PollPolicy(interval=0.01, max_interval=0.01)
FOREVER = sync.PollPolicy(interval=3600.0, max_interval=3600.0)
DEADLINE = 20.0


def join(threads: Iterable[threading.Thread]) -> None:
    """Wait for threads, with a deadline."""
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_calls_give_what_the_core_gives(client: sync.Client) -> None:
    """A call returns what its async twin returns, with the blocking classes in place of the async ones."""
    job = client.get_job("done")
    jobs = client.list_jobs("BENCHMARK")

    assert type(job) is sync.BenchmarkJob
    assert (job.id, job.status, job.benchmark_id, job.additional_info) == ("done", "completed", "BENCHMARK", {})
    assert [(type(each), each.id) for each in jobs] == [(sync.BenchmarkJob, "running"), (sync.BenchmarkJob, "done")]
    assert job.fetch().status == "completed"
    assert [snapshot.status for snapshot in job.watch()] == ["completed"]
    assert job.wait().succeeded
    assert client.wait_all(["done"])["done"].status == "completed"  # type: ignore[union-attr]


def test_errors_are_the_cores(client: sync.Client) -> None:
    """What a call raises is the very exception of the core: its class, its attributes, no cause added."""
    with pytest.raises(sync.NotFoundError) as caught:
        client.get_job("missing")

    assert caught.value.status_code == 404
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_traceback_goes_from_the_users_line_to_the_cores(client: sync.Client) -> None:
    """A traceback begins at the user's line, then names the call, and ends where the core raised."""
    with pytest.raises(sync.NotFoundError) as caught:
        client.get_job("missing")
    places = [(Path(frame.filename).name, frame.name) for frame in traceback.extract_tb(caught.value.__traceback__)]

    assert places[0] == (Path(__file__).name, "test_a_traceback_goes_from_the_users_line_to_the_cores")
    assert places[1] == ("classes.py", "get_job")
    assert places[-1][0] == "session.py"


def test_a_job_of_the_core_has_one_view(client: sync.Client) -> None:
    """Jobs are compared by identity, and an event's job is the very one that was handed in."""
    job, other = client.job("done", "BENCHMARK"), client.job("done", "BENCHMARK")
    with client.monitor([job], poll=QUICK) as monitor:
        events = list(monitor)

    assert job != other
    assert len({job, other}) == 2
    assert [type(event) for event in events] == [sync.Finished]
    assert events[0].job is job  # type: ignore[union-attr]
    assert job.status == "completed"


def test_attributes_of_a_job_can_be_set_as_the_cores(client: sync.Client) -> None:
    """A job's attributes are plain ones, in both worlds."""
    core, job = aiobench.BenchmarkJob("done", "", ""), client.job("done")
    for each in (core, job):
        each.status, each.benchmark_id, each.additional_info = "paused", "B", {"colour": "blue"}
        assert (each.status, each.benchmark_id, each.additional_info) == ("paused", "B", {"colour": "blue"})
    assert job.check_status() == job.status == "completed"


def test_a_job_that_came_from_an_id_is_a_job_of_this_world(client: sync.Client) -> None:
    """Where a monitor was given an id, its events hold one blocking job for it, the same one each time."""
    with client.monitor(["done"], poll=QUICK) as monitor:
        (event,) = monitor
    match event:
        case sync.Finished(job, snapshot):
            assert (job.id, job.check_status(), snapshot.status) == ("done", "completed", "completed")
        case _:
            pytest.fail(repr(event))


def test_a_failed_poll_names_the_users_jobs(client: sync.Client, platform: Platform) -> None:
    """`PollFailed.jobs` is a tuple of the jobs that were handed in."""
    platform.route("GET /sdk/benchmarks/jobs/flaky", status=500)
    platform.route("GET /sdk/benchmarks/jobs/flaky", {"jobId": "flaky", "status": "completed"})
    job = client.job("flaky")
    with client.monitor([job], poll=QUICK) as monitor:
        failed = [event for event in monitor if isinstance(event, sync.PollFailed)]

    assert [event.jobs for event in failed] == [(job,)]


def test_an_end_is_acknowledged_by_the_event_that_told_it(client: sync.Client, tmp_path: Path) -> None:
    """`ack()` takes the blocking event; what was acknowledged does not come again."""
    journal = tmp_path / "journal.sqlite"
    with client.monitor(["done"], poll=QUICK, journal=journal, ack="manual") as monitor:
        for event in monitor:
            assert isinstance(event, sync.Finished)
            monitor.ack(event)
    with client.monitor(poll=QUICK, journal=journal, ack="manual") as monitor:
        again = list(monitor)

    assert again == []


def test_a_monitor_takes_jobs_from_any_thread_and_ends_when_drained(client: sync.Client) -> None:
    """`add()` and `drain()` work while another thread waits for the next event."""
    monitor = client.monitor(keep_open=True, poll=QUICK)
    ended: list[str] = []

    def add_and_drain() -> None:
        monitor.add("done")
        monitor.drain()

    with monitor:
        helper = threading.Thread(target=add_and_drain)
        helper.start()
        ended.extend(event.job.id for event in monitor if isinstance(event, sync.Finished))
        join([helper])

    assert ended == ["done"]
    assert (monitor.stats.finished, monitor.stats.pending) == (1, 0)


def test_figures_can_be_read_after_the_end(client: sync.Client) -> None:
    """A monitor's figures outlive the client; asking it for more says that the client is closed."""
    with client.monitor(["done"], poll=QUICK) as monitor:
        list(monitor)
    client.close()

    assert monitor.stats.finished == 1
    assert "1 finished" in repr(monitor)
    with pytest.raises(sync.ClientStateError):
        monitor.add("running")


def test_a_monitor_must_be_entered(client: sync.Client) -> None:
    """Iterating over a monitor that was not entered says what to write."""
    with pytest.raises(sync.ClientStateError, match="enter it first"):
        next(client.monitor(["done"]))


def test_closing_a_monitor_ends_its_iteration(client: sync.Client) -> None:
    """`close()` from another thread ends the loop that waits for events."""
    with client.monitor(["running"], poll=FOREVER) as monitor:
        closer = threading.Thread(target=monitor.close)
        closer.start()
        events = list(monitor)
        join([closer])

    assert events == []


def test_a_monitors_failure_is_raised_as_it_is(client: sync.Client) -> None:
    """The time being up is `JobsWaitTimeoutError`, in no group, and the block's own exceptions pass unchanged."""
    with pytest.raises(sync.JobsWaitTimeoutError) as caught, client.monitor(["running"], timeout=0.05) as monitor:
        list(monitor)
    assert caught.value.pending == {"running"}
    with pytest.raises(KeyError), client.monitor(["running"], poll=FOREVER):
        raise KeyError


def test_a_view_shares_its_clients_connections(client: sync.Client) -> None:
    """Closing a view does nothing; closing the client closes its views, too."""
    with client.with_options(timeout=5.0) as view:
        assert type(view) is sync.Client
        assert view.get_job("done").status == "completed"
    assert view.get_job("done").status == "completed"
    client.close()

    with pytest.raises(sync.ClientClosedError):
        view.get_job("done")


def test_use_after_close_is_refused(client: sync.Client) -> None:
    """After `close()`, every call says so; closing again does nothing."""
    job, snapshots = client.get_job("running"), client.job("running").watch(poll=QUICK)
    next(snapshots)
    client.close()
    client.close()

    for call in (job.check_status, job.fetch, lambda: client.get_job("done"), lambda: client.monitor(["done"])):
        with pytest.raises(sync.ClientClosedError):
            call()
    with pytest.raises(sync.ClientClosedError):
        next(snapshots)
    with pytest.raises(sync.ClientClosedError):
        next(job.watch())


def test_an_unused_client_has_no_thread(platform: Platform, loop_threads: Callable[[], list[Any]]) -> None:
    """Making and closing a client without a call starts nothing."""
    with sync.Client("KEY", base_url=platform.url) as client:
        client.job("done")

        assert loop_threads() == []


def test_all_threads_and_clients_share_one_loop(
    make_client: Callable[..., sync.Client], loop_threads: Callable[[], list[Any]]
) -> None:
    """Sixteen threads on four clients make their calls on one background thread, which the last close ends."""
    clients = [make_client() for _ in range(4)]
    together = threading.Barrier(16)
    statuses: list[str] = []
    seen: set[int] = set()

    def work(number: int) -> None:
        together.wait(DEADLINE)
        for _ in range(10):
            statuses.append(clients[number % 4].job("done").check_status())
            seen.update(thread.ident for thread in loop_threads())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    join(threads)

    assert statuses == ["completed"] * 160
    assert len(seen) == 1


def test_closing_ends_what_others_wait_for(
    client: sync.Client, make_client: Callable[..., sync.Client], platform: Platform
) -> None:
    """Closing a client ends its calls, waits and iterations in other threads, and nothing of another client's."""
    other = make_client()
    other.get_job("done")
    waits = threading.Semaphore(0)
    outcomes: list[type[BaseException]] = []
    job = client.job("running")

    def expect_closing(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - looked at below
            outcomes.append(type(error))

    def go_on_watching() -> None:
        with job.watch(poll=FOREVER) as snapshots:
            next(snapshots)
            waits.release()
            next(snapshots)

    calls: list[Callable[[], object]] = [
        lambda: client.get_job("hang"),
        lambda: job.wait(poll=FOREVER, progress=lambda _: waits.release()),
        go_on_watching,
    ]
    threads = [threading.Thread(target=expect_closing, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    assert platform.hanging.acquire(timeout=DEADLINE)
    assert waits.acquire(timeout=DEADLINE)
    assert waits.acquire(timeout=DEADLINE)
    client.close()
    join(threads)

    assert outcomes == [sync.ClientClosedError] * 3
    assert other.get_job("done").status == "completed"


def test_a_dropped_client_leaves_no_thread_and_no_socket(
    platform: Platform, loop_threads: Callable[[], list[threading.Thread]]
) -> None:
    """Clients that are dropped instead of closed give back their connections, and the last one the thread."""

    def use() -> None:
        client = sync.Client("KEY", base_url=platform.url)
        client.get_job("done")
        iterator = client.job("running").watch(poll=FOREVER)
        next(iterator)

    gc.disable()  # being dropped must do, without a collection
    try:
        for _ in range(5):
            use()
        join(loop_threads())
    finally:
        gc.enable()

    port = int(platform.url.rpartition(":")[2])
    ours = [each for each in psutil.Process().net_connections() if each.raddr and each.raddr.port == port]
    assert [each for each in ours if each.status == psutil.CONN_ESTABLISHED] == []


def test_a_job_keeps_its_client_alive(platform: Platform, loop_threads: Callable[[], list[threading.Thread]]) -> None:
    """A job and an iterator work as long as they are held, whatever became of the client's name."""
    job = sync.Client("KEY", base_url=platform.url).job("done")
    snapshots = sync.Client("KEY", base_url=platform.url).job("done").watch(poll=QUICK)
    gc.collect()

    assert job.check_status() == "completed"
    assert [snapshot.status for snapshot in snapshots] == ["completed"]
    del job, snapshots
    gc.collect()
    join(loop_threads())


def test_a_call_inside_a_running_loop_works_and_warns(make_client: Callable[..., sync.Client]) -> None:
    """Inside a running event loop, calls work, and each warns at the user's line."""

    async def main() -> list[warnings.WarningMessage]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with make_client() as client:
                assert client.get_job("done").status == "completed"
                assert [snapshot.status for snapshot in client.job("done").watch()] == ["completed"]
                with client.monitor(["done"], poll=QUICK) as monitor:
                    assert len(list(monitor)) == 1
        return caught

    caught = asyncio.run(main())

    assert len(caught) >= 6
    assert {(each.category, each.filename) for each in caught} == {(RuntimeWarning, __file__)}


def test_a_call_from_the_loops_own_thread_is_refused(client: sync.Client) -> None:
    """A progress function that makes a blocking call gets an error instead of waiting for ever."""
    job = client.job("done")

    with pytest.raises(sync.ClientStateError, match="own event loop"):
        job.wait(progress=lambda _: job.check_status())
    with pytest.raises(sync.ClientStateError, match="own event loop"):
        job.wait(progress=lambda _: client.close())
    assert job.check_status() == "completed"


def test_the_users_iterables_are_read_in_the_users_thread(client: sync.Client) -> None:
    """Jobs may come from a generator that makes calls of its own."""
    statuses = client.wait_all(each for each in client.list_jobs("BENCHMARK") if each.check_status() == "completed")

    assert list(statuses) == ["done"]


def test_misspelt_keywords_are_type_errors(client: sync.Client) -> None:
    """A keyword that there is not is a `TypeError` at the call, before anything is sent."""
    with pytest.raises(TypeError, match="timeuot"):
        client.job("done").wait(timeuot=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="base_ulr"):
        sync.Client("KEY", base_ulr="http://127.0.0.1")  # type: ignore[call-arg]


@pytest.mark.parametrize("jobs", ["done", 3], ids=["an id", "a number"])
def test_what_is_no_collection_of_jobs_is_refused_as_in_the_core(client: sync.Client, jobs: Any) -> None:
    """A single id, or something else altogether, gets the core's own words."""
    with pytest.raises(sync.ConfigurationError):
        client.monitor(jobs)
    with pytest.raises(sync.ConfigurationError):
        client.wait_all(jobs)


def test_clients_of_the_other_world_are_refused(client: sync.Client, platform: Platform) -> None:
    """A blocking job takes a blocking client, and an asynchronous one an asynchronous client."""
    with pytest.raises(TypeError, match=r"an aiobench\.Client, not <aiobench\.sync\.Client"):
        aiobench.BenchmarkJob("done", "", "", client=client)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"aiobench\.sync\.Client"):
        sync.BenchmarkJob("done", "", "", client=aiobench.Client("KEY", base_url=platform.url))  # type: ignore[arg-type]
    job = sync.BenchmarkJob("done", "", "", client=client, colour="blue")

    assert job.additional_info == {"colour": "blue"}
    assert job.check_status() == "completed"


def test_jobs_of_the_other_world_are_refused(client: sync.Client, platform: Platform) -> None:
    """A job belongs to its world: the error says which that is, and that its id belongs to both."""
    core = aiobench.Client("KEY", base_url=platform.url)
    calls: list[tuple[Callable[[Any], object], Any, str]] = [
        (client.monitor, core.job("done"), "an asynchronous job, of aiobench, and this is aiobench.sync: pass its id"),
        (client.wait_all, core.job("done"), "an asynchronous job, of aiobench, and this is aiobench.sync: pass its id"),
        (core.monitor, client.job("done"), "belongs to aiobench.sync, the blocking world: pass its id"),
        (lambda jobs: asyncio.run(core.wait_all(jobs)), client.job("done"), "belongs to aiobench.sync"),
    ]
    for call, job, why in calls:
        with pytest.raises(sync.ConfigurationError, match=why):
            call([job])
    with pytest.raises(sync.ConfigurationError, match="pass its id, 'done'"):
        client.monitor().add(core.job("done"))  # type: ignore[arg-type]


def test_async_with_names_what_to_use(client: sync.Client) -> None:
    """`async with` on what is blocking is a `TypeError` that says what to use instead, as `with` is in the core."""

    async def enter(what: Any) -> None:
        async with what:
            raise AssertionError("the block was entered")

    for each, name in ((client, r"aiobench\.Client with"), (client.monitor(), r"aiobench\.Client's with")):
        with pytest.raises(TypeError, match=f"is blocking: use `with`, or {name} `async with`"):
            asyncio.run(enter(each))


def test_what_holds_connections_cannot_be_pickled(client: sync.Client) -> None:
    """Pickling a client or a job is a `TypeError` that says what to pass instead; plain values pickle."""
    job = client.get_job("done")
    for each in (client, job, client.monitor()):
        with pytest.raises(TypeError, match="cannot be pickled; pass an id instead"):
            pickle.dumps(each)
    snapshot = job.fetch()

    assert pickle.loads(pickle.dumps(snapshot)).raw == snapshot.raw
    assert pickle.loads(pickle.dumps(QUICK)) == QUICK


def test_what_objects_say_of_themselves(client: sync.Client, platform: Platform) -> None:
    """A client names its world; a job looks the same in both."""
    assert repr(client) == f"<aiobench.sync.Client of {platform.url}/>"
    assert repr(client.job("done")) == "<Benchmark Job(done)>"


def test_nothing_is_in_the_way_of_an_interrupt() -> None:
    """A caller waits in one call of C: an interrupt amid the Python of an `Event` could leave it locked for ever."""

    async def never() -> None: ...

    step: Step[None] = Step(never)
    entered: list[str] = []
    ending = threading.Timer(0.05, step.end, [None])
    step._value = None
    ending.start()
    trace = sys.gettrace()
    sys.settrace(lambda frame, event, argument: entered.append(frame.f_code.co_filename))
    try:
        step.outcome()
    finally:
        sys.settrace(trace)
    ending.join(DEADLINE)
    assert entered != []
    assert threading.__file__ not in entered


def test_waiting_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call looks up now and then on Windows, where a signal does not end the wait for a lock."""
    turns: list[float] = []

    class Gate:
        def acquire(self, timeout: float = -1) -> bool:
            turns.append(timeout)
            return len(turns) == 4

    monkeypatch.setattr(_steps, "UNINTERRUPTED", 0.1)
    step: Step[int] = Step(lambda: asyncio.sleep(0, 7))
    step._gate = Gate()  # type: ignore[assignment]
    step._value = 7
    assert step.outcome() == 7
    assert turns == [0.1] * 4
