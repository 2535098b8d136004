"""Runs jobs in their own threads, segment by segment, so that they can be watched, stopped and resumed."""

from __future__ import annotations

import errno
import logging
import queue
import sqlite3
import threading
import time
from concurrent.futures import CancelledError
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from aiobench.local.engine.explain import explain
from aiobench.local.engine.records import TERMINAL
from aiobench.local.engine.results import results_file
from aiobench.local.engine.scores import score_entries, status_of
from aiobench.local.engine.segments import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiobench.local.datasets import Dataset
    from aiobench.local.engine.benchmarks import Benchmark, ModelRun
    from aiobench.local.engine.executor import Executor
    from aiobench.local.engine.records import Job, SegmentResult
    from aiobench.local.engine.store import Store
    from aiobench.local.workspace import Workspace

__all__ = ["Runner"]

WORKERS = 2
RECORD_EVERY = 0.05  # seconds between two writes of a job: what a watcher can see, and what a crash can lose

FULL_DISK = 1.0  # seconds until a job for which the disk had no room is tried again

_log = logging.getLogger("aiobench.local")


class _HaltedError(Exception):
    """Raised when a job is interrupted: by a shutdown, after which it resumes, or because it is canceled."""


class Runner:
    """Runs a workspace's jobs, starting with those that an earlier backend left unfinished.

    Args:
        workspace: Where the jobs are.
        executor: What runs their segments; closed by `stop()`.
    """

    def __init__(self, workspace: Workspace, executor: Executor) -> None:
        self._workspace = workspace
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._executor = executor
        self._halts: dict[str, threading.Event] = {}
        self._lock = threading.Lock()
        self._workers = [
            threading.Thread(target=self._work, name=f"aiobench-local-job-{number}", daemon=True)
            for number in range(WORKERS)
        ]

    def start(self) -> None:
        """Start the worker threads."""
        with self._workspace.store() as store:
            for job_id in store.unfinished():
                self._waiting.put(job_id)
        for worker in self._workers:
            worker.start()

    def submit(self, job_id: str) -> None:
        """Schedule a queued job."""
        self._waiting.put(job_id)

    def cancel(self, store: Store, job_id: str) -> bool:
        """Cancel a job; results of finished segments are kept.

        Args:
            store: This thread's.
            job_id: Which.

        Returns:
            Whether it had not ended yet.
        """
        is_running = store.cancel_job(job_id)
        with self._lock:
            halt = self._halts.get(job_id)
        if halt is not None:
            halt.set()
        else:  # it waits for its turn
            store.end_canceled(job_id)
        return is_running

    def stop(self) -> None:
        """Interrupt every job and wait for the threads to end."""
        with self._lock:
            self._stopping.set()
            for halt in self._halts.values():
                halt.set()
        self._executor.close()  # first, since a worker may wait for a segment
        for _ in self._workers:
            self._waiting.put(None)
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        with self._workspace.store() as store:
            while (job_id := self._waiting.get()) is not None and not self._stopping.is_set():
                try:
                    self._run_or_leave(store, job_id)
                except Exception as error:  # noqa: BLE001 - one broken job must not end the worker
                    if self._stopping.is_set():
                        return  # it goes on with the next start
                    self._set_aside(store, job_id, error)

    def _run_or_leave(self, store: Store, job_id: str) -> None:
        halt = threading.Event()
        with self._lock:
            self._halts[job_id] = halt
            if self._stopping.is_set():
                return
        try:
            if store.begin_job(job_id):
                self._run(store, job_id)
        except _HaltedError:
            _log.info("job %s: halted", job_id)
        finally:
            with self._lock:
                del self._halts[job_id]
        if store.end_canceled(job_id):
            _log.info("job %s: canceled", job_id)

    def _set_aside(self, store: Store, job_id: str, error: Exception) -> None:
        """Mark a job as failed, or retry it later, from the last segment on disk, if the disk was full."""
        try:
            if not _is_full_disk(error):
                _log.error("job %s failed: the backend could not run it", job_id, exc_info=error)
                store.end_job(job_id, "failed", None)
                store.end_canceled(job_id)
                return
        except sqlite3.Error as failure:
            if not _is_full_disk(failure):
                raise
        _log.warning("job %s waits: the disk is full; it goes on when there is room", job_id)
        self._stopping.wait(FULL_DISK)
        self._waiting.put(job_id)

    def _run(self, store: Store, job_id: str) -> None:
        job = store.job(job_id)
        if job is None:
            raise LookupError(f"no job {job_id}")
        benchmark = job.benchmark
        dataset = self._workspace.catalogue.datasets.get(benchmark.dataset_id)
        if dataset is None or len(dataset.segments) != job.segments:
            raise LookupError(f"dataset {benchmark.dataset_id} is gone or changed since job {job_id} was started")
        _log.info("job %s: running %d models on %s", job_id, len(benchmark.models), dataset.id)
        runs: list[list[SegmentResult]] = []
        # Written as the results come, when there is time: at the end, a core per process would be idle meanwhile.
        with results_file(self._workspace.results(job_id), benchmark, dataset) as write:
            for number, run in enumerate(benchmark.models):
                runs.append(list(store.results(job_id, number)))
                write(run, runs[-1])
                if job.iterations[number].status not in TERMINAL:
                    self._iterate(store, job, number, dataset, runs[-1], partial(write, run))
        store.end_job(job_id, "completed", explain(benchmark, dataset, runs))
        _log.info("job %s: completed", job_id)

    def _iterate(
        self,
        store: Store,
        job: Job,
        number: int,
        dataset: Dataset,
        done: list[SegmentResult],
        write: Callable[[list[SegmentResult]], None],
    ) -> None:
        """Run a model on the remaining segments, and append and write their results."""
        unrecorded: list[SegmentResult] = []
        recorded_at = time.monotonic()
        halt = self._halts[job.id]
        task = self._task(job.benchmark.models[number], job.benchmark, dataset)
        try:
            with closing(self._executor.results(task, first=len(done), halted=halt.is_set)) as results:
                for result in results:
                    done.append(result)
                    unrecorded.append(result)
                    if time.monotonic() - recorded_at >= RECORD_EVERY:
                        write(unrecorded)  # first: what is recorded once cannot be recorded again after an error
                        store.record(job.id, number, unrecorded)
                        unrecorded, recorded_at = [], time.monotonic()
                    if halt.is_set() or (self._executor.is_paced and halt.wait(self._pause(result))):
                        raise _HaltedError
        except CancelledError:
            if halt.is_set():
                raise _HaltedError from None
            raise  # a cluster that was restarted
        finally:
            store.record(job.id, number, unrecorded)
        write(unrecorded)
        store.end_iteration(
            job.id, number, status_of(done), score_entries(job.benchmark.scorers, done, dataset.segments)
        )

    def _task(self, run: ModelRun, benchmark: Benchmark, dataset: Dataset) -> Task:
        model = self._workspace.catalogue.models.get(run.model_id)
        if model is None:
            raise LookupError(f"model {run.model_id} is gone since the job was started")
        return Task(model, run.configuration, dataset, benchmark.scorers)

    def _pause(self, result: SegmentResult) -> float:
        """Return the seconds until the next segment."""
        return max(self._workspace.settings.segment_seconds - result.runtime, 0.0)


def _is_full_disk(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", "") in {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
