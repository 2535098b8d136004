"""Where segments are run: in this process, in a pool of processes, or on a Dask cluster; the results are the same."""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError, wait
from contextlib import closing
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio
import cloudpickle
from attrs import evolve
from pebble import ProcessExpired, ProcessPool

from aiobench.errors import ConfigurationError, MissingExtraError
from aiobench.local.engine.awaiting import LoopThread, awaited
from aiobench.local.engine.segments import Task, failed, longest, run_segment
from aiobench.local.engine.store import SegmentResult
from aiobench.local.engine.threads import LOOK, Errand, ModelThreads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiobench.local.catalogue.models import Predict
    from aiobench.local.datasets import Segment
    from aiobench.local.engine.segments import Resolve

__all__ = ["Executor", "InThisProcess", "executor_of"]

ATTEMPTS = 3  # for a segment whose process died: it may have been killed for another's fault
AHEAD = 16  # segments for each process that are under way or wait for their turn
AHEAD_OF_CLUSTER = 512
THREADS_OF_WORKER = 64  # more than a worker of a cluster runs tasks at a time

F = TypeVar("F", bound="_Cancellable")


class _Cancellable(Protocol):
    def cancel(self) -> Any: ...


class Executor(ABC):
    """Runs models on segments.

    Attributes:
        is_paced: Whether segments come one after the other, so that a least time for each makes sense.
    """

    is_paced = False

    @abstractmethod
    def results(
        self, task: Task, *, first: int, halted: Callable[[float], bool]
    ) -> Generator[SegmentResult, None, None]:
        """Run a model on the segments of its dataset.

        Args:
            task: What to run.
            first: The segment to begin with.
            halted: Called now and then with a number of seconds to wait at most; true, or an error that it raises,
                ends the run.

        Yields:
            One result for each segment, in order.

        Raises:
            CancelledError: If the run was halted while it waited for a segment.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop what runs."""


def executor_of(choice: object) -> Executor:
    """Return the executor that a user chose.

    Args:
        choice: None for this process, a number of processes, or the address of a Dask scheduler.

    Raises:
        ConfigurationError: If it is anything else, or the scheduler cannot be reached.
        MissingExtraError: If Dask is not installed.
    """
    if choice is None:
        return InThisProcess()
    if isinstance(choice, int) and not isinstance(choice, bool) and choice >= 1:
        return _Processes(choice)
    if isinstance(choice, str) and "://" in choice:
        return _Cluster(choice)
    raise ConfigurationError(
        f"executor= must be None, a number of processes or the address of a Dask scheduler, not {choice!r}"
    )


class InThisProcess(Executor):
    """Threads of this process, as many as the model allows at a time.

    Args:
        resolve: Waits for the output of an async model; None: in an event loop of the executor's own.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._loop = LoopThread()
        self._resolve = resolve or self._loop.result
        self.is_paced = True

    def results(
        self, task: Task, *, first: int, halted: Callable[[float], bool]
    ) -> Generator[SegmentResult, None, None]:
        """Run the segments; with a model that is called once at a time, none runs ahead of the one asked for."""
        threads = ModelThreads(task, task.model.concurrency, self._resolve)

        def submit(index: int) -> Errand:
            return threads.submit(index, task.dataset.segments[index])

        with closing(threads):
            for _, errand in _ahead(submit, range(first, len(task.dataset.segments)), task.model.concurrency):
                yield threads.result(errand, halted)

    def close(self) -> None:
        """Stop the event loop."""
        self._loop.close()


class _Processes(Executor):
    """Processes of this machine. One that dies or hangs costs the segment that it was on, and is replaced."""

    def __init__(self, count: int) -> None:
        # Not fork: this process has threads.
        self._pool: Any = ProcessPool(max_workers=count, context=multiprocessing.get_context("spawn"))
        self._ahead = AHEAD * count

    def results(
        self, task: Task, *, first: int, halted: Callable[[float], bool]
    ) -> Generator[SegmentResult, None, None]:
        run = partial(_run, _packed(task))
        limit = longest(task.model)

        def submit(index: int) -> Any:
            return self._pool.schedule(run, args=(index, task.dataset.segments[index]), timeout=limit)

        for index, future in _ahead(submit, range(first, len(task.dataset.segments)), self._ahead):
            yield _awaited(task, submit, index, future, halted)

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()


def _awaited(
    task: Task, submit: Callable[[int], Any], index: int, future: Any, halted: Callable[[float], bool]
) -> SegmentResult:
    """Wait for a process's result. What a pool takes in while it stops never gets one."""
    for attempt in range(1, ATTEMPTS + 1):
        while not wait([future], timeout=LOOK).done:
            if halted(0.0):
                future.cancel()
                raise CancelledError
        try:
            result: SegmentResult = future.result()
        except ProcessExpired as error:
            if attempt == ATTEMPTS:
                return failed(task, index, f"the process that ran it ended with {error.exitcode}")
            future = submit(index)
        except TimeoutError:
            return failed(task, index, f"no output within {task.model.timeout:g} s")
        else:
            return result
    raise AssertionError("the last attempt has returned")


class _Cluster(Executor):
    """A Dask cluster that is there already, whose workers have aiobench."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise MissingExtraError(f"executor={address!r}", extra="dask") from error
        try:
            connect: Any = Client  # which has types only in part
            self._client = connect(address, set_as_default=False, timeout=10)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"executor={address!r}: the scheduler cannot be reached: {error}") from error

    def results(
        self, task: Task, *, first: int, halted: Callable[[float], bool]
    ) -> Generator[SegmentResult, None, None]:
        from distributed import KilledWorker

        # A task of its own rather than scattered data, which would be lost with the worker that holds it.
        packed = self._client.submit(_same, _packed(task), pure=False)

        def submit(index: int) -> Any:
            return self._client.submit(_run_on_cluster, packed, index, task.dataset.segments[index], pure=False)

        for index, future in _ahead(submit, range(first, len(task.dataset.segments)), AHEAD_OF_CLUSTER):
            try:
                result = self._result(future, halted)
            except KilledWorker as error:
                result = failed(task, index, f"the workers that ran it died: {error}")
            yield result

    def _result(self, future: Any, halted: Callable[[float], bool]) -> SegmentResult:
        while True:
            try:
                result: SegmentResult = future.result(timeout=LOOK)
            except TimeoutError:
                if halted(0.0):
                    future.cancel()
                    raise CancelledError from None
            else:
                return result

    def close(self) -> None:
        self._client.close()


def _ahead(submit: Callable[[int], F], indices: range, ahead: int) -> Iterator[tuple[int, F]]:
    """Submit a number of segments ahead of the one that is waited for; those that nobody waits for are called off."""
    waiting: deque[tuple[int, F]] = deque()
    rest = iter(indices)
    try:
        for index in rest:
            waiting.append((index, submit(index)))
            if len(waiting) >= ahead:
                break
        while waiting:
            yield waiting.popleft()
            for index in rest:
                waiting.append((index, submit(index)))
                break
    finally:
        for _, future in waiting:
            future.cancel()


def _packed(task: Task) -> bytes:
    """Pack a task for another process, functions of scripts and notebooks included.

    Raises:
        ConfigurationError: If the model cannot leave this process.
    """
    try:
        packed: bytes = cloudpickle.dumps(evolve(task, dataset=task.dataset.without_segments()))
    except Exception as error:  # whatever the pickling of a user's object raises
        raise ConfigurationError(
            f"model {task.model.label} cannot be sent to another process: {error}; use executor=None"
        ) from error
    return packed


@lru_cache(maxsize=8)
def _unpacked(packed: bytes) -> tuple[Task, Predict]:
    task: Task = cloudpickle.loads(packed)
    return task, task.prepared()


def _run(packed: bytes, index: int, segment: Segment) -> SegmentResult:
    """Run a segment, in a process of the pool, which ends it if it takes too long."""
    task, predict = _unpacked(packed)
    return run_segment(task, predict, index, segment, _resolved)


@lru_cache(maxsize=8)
def _threads(packed: bytes) -> ModelThreads:
    return ModelThreads(cloudpickle.loads(packed), THREADS_OF_WORKER, _resolved)


def _run_on_cluster(packed: bytes, index: int, segment: Segment) -> SegmentResult:
    """Run a segment, in a worker of the cluster, which must not be ended; it is free again if nobody waits for this."""
    from distributed import get_worker

    worker: Any = get_worker()  # has types only in part
    key = worker.get_current_task()

    def is_called_off(_seconds: float) -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    threads = _threads(packed)
    return threads.result(threads.submit(index, segment), is_called_off)


def _same(packed: bytes) -> bytes:
    return packed


def _resolved(output: Awaitable[str], seconds: float) -> str:
    return anyio.run(awaited, output, seconds)
