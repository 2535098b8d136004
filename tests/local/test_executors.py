"""Where models run makes no difference to the results: this process, a pool of processes, a Dask cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil
import pytest

from aiobench.errors import ConfigurationError
from aiobench.local import LocalBackend, predictions
from aiobench.local.engine import executors
from distributed import LocalCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiobench import JobSnapshot

# Dask's own event loops and sockets are closed when its garbage collector says so.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(200)]

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


def test_a_model_that_hangs_fails_its_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, its process is replaced."""
    monkeypatch.setattr(executors, "SEGMENT_SECONDS", 5.0)

    def hangs(source: str) -> str:
        if source == "green 2":
            time.sleep(1000)
        return source

    snapshot, frame = run({"hangs": hangs}, 2)

    assert frame[~frame["Model_success"]]["source"].tolist() == ["green 2"]
    assert "no output within 5 s" in str(snapshot.raw["explanation"])


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


def test_a_segment_that_came_too_late_is_not_waited_for() -> None:
    """A pool that is being stopped may take a segment in and never run it; the thread that waits for it ends."""
    pool = executors.executor_of(1)
    assert isinstance(pool, executors._Processes)
    pool.close()
    with pytest.raises(CancelledError):
        pool._awaited(Future())


@pytest.mark.parametrize("executor", [0, -1, True, 1.5, "processes"])
def test_what_is_no_executor_is_refused(executor: Any) -> None:
    """Before anything is started."""
    with pytest.raises(ConfigurationError, match="executor= must be None, a number of processes or the address"):
        LocalBackend(executor=executor).start()


def test_a_scheduler_that_is_not_there_is_named() -> None:
    """The address is in the error."""
    with pytest.raises(ConfigurationError, match=r"tcp://127\.0\.0\.1:9.*cannot be reached"):
        LocalBackend(executor="tcp://127.0.0.1:9").start()
