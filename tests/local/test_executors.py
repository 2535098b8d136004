"""Where models run makes no difference to the results: this process, a pool of processes, a Dask cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pytest

from aiobench import PollPolicy
from aiobench.errors import ConfigurationError
from aiobench.local import LocalBackend, model, predictions
from distributed import LocalCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiobench import JobSnapshot

# Dask's own event loops and sockets are closed when its garbage collector says so.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(200)]

QUICK = PollPolicy(interval=0.05, max_interval=0.05)
WORDS = ("red", "green", "blue", "yellow", "black", "white", "brown", "grey")
DATA = pd.DataFrame(
    {
        "source": [f"{word} {number}" for number in range(5) for word in WORDS],
        "reference": [f"{word.upper()} {number}" for number in range(5) for word in WORDS],
        "kept": [None if word == "grey" else f"{word.upper()} 1" for number in range(5) for word in WORDS],
    }
)


def run(models: dict[str, Any], executor: int | str | None, workspace: Path | None = None) -> tuple[JobSnapshot, Any]:
    """Run a job, and return it with its results but for the times."""
    with (
        LocalBackend(workspace, datasets={"words": DATA}, models=models, executor=executor) as backend,
        backend.sync_client() as client,
    ):
        benchmark = client.create_benchmark("b", dataset="words", models=list(models), metrics=["chrf", "wer"])
        job = benchmark.start()
        snapshot = job.wait(timeout=120)
        frame = job.download_results_as_csv(return_dataframe=True)
    return snapshot, frame.drop(columns="runTimeInSecs")


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread or process."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def own_models() -> dict[str, Any]:
    """Make models that only cloudpickle can send elsewhere: nested functions, plain and async, and a column."""
    suffix = "!"

    async def slow(source: str) -> str:
        await asyncio.sleep(0.001)
        return source.upper() + suffix

    def picky(source: str) -> str:
        if "blue" in source:
            raise ValueError("not blue")
        return source.title()

    return {"slow": slow, "picky": picky, "kept": predictions("kept")}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Run a Dask cluster of two processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


def test_results_are_the_same_everywhere(scheduler: str) -> None:
    """To the last digit, failures and their reasons included."""
    here, expected = run(own_models(), None)
    for executor in (2, scheduler):
        snapshot, frame = run(own_models(), executor)
        pd.testing.assert_frame_equal(frame, expected)
        assert snapshot.score_rows() == here.score_rows()
        assert snapshot.failure_rates() == here.failure_rates()
        assert "not blue" in str(snapshot.raw["explanation"])


def test_a_model_that_exits_fails_its_segment() -> None:
    """The process is gone, the job is not."""

    def exits(source: str) -> str:
        if source == "green 2":
            os._exit(3)
        return source

    snapshot, frame = run({"exits": exits}, 2)

    assert frame[~frame["Model_success"]]["source"].tolist() == ["green 2"]
    assert "the process that ran it ended with 3" in str(snapshot.raw["explanation"])


@pytest.mark.parametrize("executor", ["here", "processes", "cluster"])
def test_a_model_that_hangs_fails_its_segment(scheduler: str, executor: str) -> None:
    """After a while, its thread or process is replaced."""

    def hangs(source: str) -> str:
        if source == "green 2":
            time.sleep(20)
        return source

    choice = {"here": None, "processes": 2, "cluster": scheduler}[executor]
    snapshot, frame = run({"hangs": model(hangs, timeout=3)}, choice)

    assert frame[~frame["Model_success"]]["source"].tolist() == ["green 2"]
    assert "no output or score within 3 s" in str(snapshot.raw["explanation"])


def test_a_metric_that_hangs_fails_its_segment() -> None:
    """Your own function may hang as a model may; predictions of a file have the limit of any model."""

    def hangs(hypothesis: str, reference: str) -> float:
        if reference == "GREEN 2":
            time.sleep(20)
        return float(hypothesis == reference)

    with (
        LocalBackend(
            datasets={"words": DATA}, models={"m": model(predictions("kept"), timeout=1)}, metrics={"own": hangs}
        ) as backend,
        backend.sync_client() as client,
    ):
        job = client.create_benchmark("b", dataset="words", models=["m"], metrics=["own"]).start()
        snapshot = job.wait(timeout=60, poll=QUICK)
        frame = job.download_results_as_csv(return_dataframe=True)

    assert {*frame[~frame["Model_success"]]["source"]} == {"green 2", *(f"grey {number}" for number in range(5))}
    assert "no output or score within 1 s" in str(snapshot.raw["explanation"])


@pytest.mark.parametrize("executor", ["here", "processes", "cluster"])
def test_an_attempt_that_fails_is_repeated_as_often_as_allowed(scheduler: str, executor: str, tmp_path: Path) -> None:
    """What fails twice passes with two retries, and what always fails has failed."""
    folder = str(tmp_path)

    def shaky(source: str) -> str:
        mark = os.path.join(folder, source)  # noqa: PTH118 - runs where this module is not
        if source.startswith("red"):
            raise ValueError("never red")
        if source in {"green 2", "blue 3"} and not os.path.exists(mark + "-2"):  # noqa: PTH110
            open(mark + ("-2" if os.path.exists(mark + "-1") else "-1"), "w").close()  # noqa: PTH110, PTH123
            raise ConnectionError("not now")
        return source

    choice = {"here": None, "processes": 2, "cluster": scheduler}[executor]
    snapshot, frame = run({"shaky": model(shaky, retries=2)}, choice)

    assert set(frame[~frame["Model_success"]]["source"]) == {f"red {number}" for number in range(5)}
    assert "never red" in str(snapshot.raw["explanation"])


@pytest.mark.parametrize("leave", ["sys.exit(3)", "raise asyncio.CancelledError", "raise KeyError"])
def test_whatever_a_model_raises_fails_its_segment_alone(leave: str) -> None:
    """What is no Exception does not end the thread that runs the jobs, either."""

    def leaves(source: str) -> str:
        if source == "green 2":
            exec(leave, {"sys": sys, "asyncio": asyncio})
        return source

    _, frame = run({"leaves": leaves}, None)

    assert frame[~frame["Model_success"]]["source"].tolist() == ["green 2"]


def test_segments_run_at_a_time_as_the_model_allows() -> None:
    """Four calls meet at a barrier that only four pass, plain and async; results stay in order."""
    plain, concurrent = threading.Barrier(4, timeout=20), Meeting(4)

    def meets(source: str) -> str:
        plain.wait()
        return source.upper()

    async def awaits(source: str) -> str:
        await concurrent.wait()
        return source.upper()

    _, frame = run({"meets": model(meets, concurrency=4), "awaits": model(awaits, concurrency=4)}, None)

    assert frame["Model_success"].all()
    assert frame["hypothesis"].tolist() == DATA["reference"].tolist() * 2


class Meeting:
    """Lets calls of one event loop go on when there is a number of them."""

    def __init__(self, count: int) -> None:
        self._count, self._waiting = count, list[asyncio.Future[None]]()

    async def wait(self) -> None:
        """Wait for the others."""
        self._waiting.append(asyncio.get_running_loop().create_future())
        if len(self._waiting) == self._count:
            for future in self._waiting:
                future.set_result(None)
            self._waiting = []
        else:
            await asyncio.wait_for(self._waiting[-1], 20)


def test_one_segment_at_a_time_unless_the_model_allows_more() -> None:
    """Plain models need not be safe in threads."""
    at_work: list[str] = []
    most = 0

    def careful(source: str) -> str:
        nonlocal most
        at_work.append(source)
        most = max(most, len(at_work))
        time.sleep(0.001)
        at_work.remove(source)
        return source

    run({"careful": careful}, None)

    assert most == 1


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"retries": -1}, "retries"),
        ({"retries": 1.5}, "retries"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
def test_limits_that_are_none_are_refused(limits: dict[str, Any], message: str) -> None:
    """With the name of the limit."""
    with pytest.raises(ConfigurationError, match=f"{message}= must be"):
        model(str.upper, **limits)


def killed(pids: Callable[[], list[int]], executor: int | str, folder: Path) -> Any:
    """Run a job and kill one of the processes that run it."""
    marks = str(folder)

    def marking(source: str) -> str:
        with open(os.path.join(marks, source.replace(" ", "-")), "a") as file:  # noqa: PTH118, PTH123
            file.write("x")
        time.sleep(0.02)
        return source.upper()

    with (
        LocalBackend(datasets={"words": DATA}, models={"m": marking}, executor=executor) as backend,
        backend.sync_client() as client,
    ):
        job = client.create_benchmark("b", dataset="words", models=["m"], metrics=["chrf"]).start()
        deadline = time.monotonic() + 60
        while len(list(folder.iterdir())) < 5:
            assert time.monotonic() < deadline
        os.kill(pids()[0], signal.SIGKILL)
        job.wait(timeout=120)
        return job.download_results_as_csv(return_dataframe=True)


def test_a_process_that_is_killed_costs_time_alone(tmp_path: Path) -> None:
    """Its segment runs again, in another."""
    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}

    def workers() -> list[int]:
        return [
            child.pid
            for child in me.children(recursive=True)
            if child.pid not in before and "spawn_main" in " ".join(child.cmdline())
        ]

    frame = killed(workers, 2, tmp_path)

    assert frame["Model_success"].all()
    assert frame["chrF by sacrebleu"].tolist() == [100.0] * len(DATA)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_of_the_cluster_that_is_killed_costs_time_alone(tmp_path: Path, workers: int) -> None:
    """Its segments run again, on another or on the one that takes its place; a single one held the only model."""
    with LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        pids = [int(worker.pid) for worker in cluster.workers.values()]
        frame = killed(lambda: pids, cluster.scheduler_address, tmp_path)

    assert frame["Model_success"].all()
    assert len(frame) == len(DATA)


def test_stopping_leaves_a_job_to_the_next_start(tmp_path: Path) -> None:
    """A job in the pool is not waited for; with the next start it goes on to its end."""

    def sleepy(source: str) -> str:
        time.sleep(0.05)
        return source.upper()

    arguments: dict[str, Any] = {"datasets": {"words": DATA}, "models": {"m": sleepy}, "executor": 2}
    with LocalBackend(tmp_path, **arguments) as backend, backend.sync_client() as client:
        job = client.create_benchmark("b", dataset="words", models=["m"], metrics=["chrf"]).start()
        for snapshot in job.watch(timeout=60):
            if snapshot.status == "in_progress":
                break
    with LocalBackend(tmp_path, **arguments) as backend, backend.sync_client() as client:
        snapshot = client.job(job.id).wait(timeout=120)

    assert (snapshot.status, snapshot.failure_rates()) == ("completed", {"m": 0.0})


@pytest.mark.parametrize("executor", ["here", "processes", "cluster"])
def test_a_canceled_job_does_not_wait_for_its_model(scheduler: str, executor: str, tmp_path: Path) -> None:
    """It ends while its model is busy, what was done is kept, the next job runs, and it stays canceled."""
    mark = str(tmp_path / "busy")

    def endless(source: str) -> str:
        if source == "green 2":
            open(mark, "w").close()  # noqa: PTH123 - runs where this module is not
            time.sleep(60)
        return source.upper()

    choice = {"here": None, "processes": 2, "cluster": scheduler}[executor]
    arguments: dict[str, Any] = {"datasets": {"words": DATA}, "models": {"m": endless, "quick": str.upper}}
    with LocalBackend(tmp_path, executor=choice, **arguments) as backend, backend.sync_client() as client:
        job = client.create_benchmark("b", dataset="words", models=["m", "quick"], metrics=["chrf"]).start()
        until(lambda: Path(mark).exists())

        assert backend.cancel(job)
        snapshot = job.wait(timeout=30, poll=QUICK)

        assert snapshot.status == "canceled"
        assert [each.status for each in snapshot.iterations] == ["canceled", "canceled"]
        assert not backend.cancel(job.id)
        after = client.create_benchmark("c", dataset="words", models=["quick"], metrics=["chrf"]).start()
        assert after.wait(timeout=60, poll=QUICK).status == "completed"
    assert [path.name for path in (tmp_path / "results").iterdir()] == [f"{after.id}.csv"]  # and nothing half written
    with LocalBackend(tmp_path, **arguments) as backend, backend.sync_client() as client:
        assert client.job(job.id).fetch().status == "canceled"
        with pytest.raises(ConfigurationError, match="there is no job 'nope' in the workspace"):
            backend.cancel("nope")


def test_a_job_that_waits_for_its_turn_is_canceled_at_once() -> None:
    """The jobs before it need not end."""
    gate = threading.Event()

    def waits(source: str) -> str:
        gate.wait(60)
        return source

    with (
        LocalBackend(datasets={"words": DATA}, models={"m": waits}) as backend,
        backend.sync_client() as client,
    ):
        benchmark = client.create_benchmark("b", dataset="words", models=["m"], metrics=["chrf"])
        jobs = [benchmark.start() for _ in range(4)]
        assert backend.cancel(jobs[3])
        assert jobs[3].fetch().status == "canceled"
        gate.set()
        assert {job.wait(timeout=60, poll=QUICK).status for job in jobs[:3]} == {"completed"}


def test_a_backend_stops_while_a_model_hangs(tmp_path: Path) -> None:
    """The job is left to the next start, and its segments that were done are not run again, but in its results."""
    gate, seen = threading.Event(), list[str]()

    def hangs(source: str) -> str:
        seen.append(source)
        if source == "green 2":
            gate.wait(60)
        return source.upper()

    arguments: dict[str, Any] = {"datasets": {"words": DATA}, "models": {"m": hangs}}
    with LocalBackend(tmp_path, **arguments) as backend, backend.sync_client() as client:
        job = client.create_benchmark("b", dataset="words", models=["m"], metrics=["chrf"]).start()
        until(lambda: "green 2" in seen)
    gate.set()
    with LocalBackend(tmp_path, **arguments) as backend, backend.sync_client() as client:
        job = client.job(job.id)
        assert job.wait(timeout=60, poll=QUICK).status == "completed"
        frame = job.download_results_as_csv(return_dataframe=True)

    assert sorted(seen) == sorted([*DATA["source"], "green 2"])
    assert frame["source"].tolist() == DATA["source"].tolist()


@pytest.mark.parametrize("executor", [0, -1, True, 1.5, "processes"])
def test_what_is_no_executor_is_refused(executor: Any) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigurationError, match="executor= must be None, a number of processes or the address"):
        LocalBackend(executor=executor).start()


def test_a_scheduler_that_is_not_there_is_named() -> None:
    """The address is in the error."""
    with pytest.raises(ConfigurationError, match=r"tcp://127\.0\.0\.1:9.*cannot be reached"):
        LocalBackend(executor="tcp://127.0.0.1:9").start()


def test_a_script_without_a_guard_comes_to_its_end(tmp_path: Path) -> None:
    """Its processes import it, and so run it once more: there, no job can run, and the log says what to write."""
    script = tmp_path / "script.py"
    script.write_text(
        "import pandas as pd\n"
        "from aiobench.local import LocalBackend\n"
        "data = pd.DataFrame({'source': ['a'], 'reference': ['A']})\n"
        "with LocalBackend(datasets={'d': data}, models={'m': str.upper}, executor=1) as backend:\n"
        "    with backend.sync_client() as client:\n"
        "        job = client.create_benchmark('b', dataset='d', models=['m'], metrics=['chrf']).start()\n"
        "        print(job.wait().status)\n",
        "utf-8",
    )

    done = subprocess.run([sys.executable, script], capture_output=True, encoding="utf-8", timeout=60, check=True)

    assert done.stdout.split() == ["failed", "completed"]
    assert "if __name__ == '__main__':" in done.stderr
