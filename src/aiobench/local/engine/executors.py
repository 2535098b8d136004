"""Where segments are run: in this process, in a pool of processes, or on a Dask cluster; the results are the same."""

from __future__ import annotations

import math
import multiprocessing
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import cloudpickle
from attrs import evolve
from pebble import ProcessExpired, ProcessPool

from aiobench.errors import ConfigurationError, MissingExtraError
from aiobench.local.engine.awaiting import LoopThread, awaited
from aiobench.local.engine.segments import Task, run_segment
from aiobench.local.engine.store import SegmentResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiobench.local.catalogue.models import Predict
    from aiobench.local.datasets import Segment

__all__ = ["Executor", "executor_of"]

SEGMENT_SECONDS = 300.0  # after which a model in a process of its own has failed on a segment
ATTEMPTS = 3  # for a segment whose process died: it may have been killed for another's fault
AHEAD = 16  # segments for each process that are under way or wait for their turn
AHEAD_OF_CLUSTER = 512
LOOK = 0.2  # seconds between two looks at whether the pool was closed

F = TypeVar("F")


class Executor(ABC):
    """Runs models on segments."""

    @abstractmethod
    def results(self, task: Task, *, first: int, pause: Callable[[float], bool]) -> Iterator[SegmentResult]:
        """Run a model on the segments of its dataset.

        Args:
            task: What to run.
            first: The segment to begin with.
            pause: Called for each segment with the seconds that it took; true ends the run.

        Yields:
            One result for each segment, in order.
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
        return _ThisProcess()
    if isinstance(choice, int) and not isinstance(choice, bool) and choice >= 1:
        return _Processes(choice)
    if isinstance(choice, str) and "://" in choice:
        return _Cluster(choice)
    raise ConfigurationError(
        f"executor= must be None, a number of processes or the address of a Dask scheduler, not {choice!r}"
    )


class _ThisProcess(Executor):
    """One segment after the other, in the thread that asks."""

    def __init__(self) -> None:
        self._loop = LoopThread()

    def results(self, task: Task, *, first: int, pause: Callable[[float], bool]) -> Iterator[SegmentResult]:
        predict = task.prepared()
        for index in range(first, len(task.dataset.segments)):
            result = run_segment(task, predict, index, task.dataset.segments[index], self._loop.result)
            if pause(result.runtime):
                return
            yield result

    def close(self) -> None:
        self._loop.close()


class _Processes(Executor):
    """Processes of this machine. One that dies or hangs costs the segment that it was on, and is replaced."""

    def __init__(self, count: int) -> None:
        # Not fork: this process has threads.
        self._pool: Any = ProcessPool(max_workers=count, context=multiprocessing.get_context("spawn"))
        self._ahead = AHEAD * count
        self._is_closed = threading.Event()

    def results(self, task: Task, *, first: int, pause: Callable[[float], bool]) -> Iterator[SegmentResult]:
        run = partial(_run, _packed(task))

        def submit(index: int) -> Any:
            return self._pool.schedule(run, args=(index, task.dataset.segments[index]), timeout=SEGMENT_SECONDS)

        for index, future in _ahead(submit, range(first, len(task.dataset.segments)), self._ahead):
            result = self._result(task, submit, index, future)
            if pause(math.inf):
                return
            yield result

    def _result(self, task: Task, submit: Callable[[int], Any], index: int, future: Any) -> SegmentResult:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                result = self._awaited(future)
            except ProcessExpired as error:
                if attempt == ATTEMPTS:
                    return _failed(task, index, f"the process that ran it ended with {error.exitcode}")
                future = submit(index)
            except TimeoutError:
                return _failed(task, index, f"no output within {SEGMENT_SECONDS:g} s")
            else:
                return result
        raise AssertionError("the last attempt has returned")

    def _awaited(self, future: Any) -> SegmentResult:
        """Wait for a result. What the pool takes in while it stops never gets one."""
        while not wait([future], timeout=LOOK).done:
            if self._is_closed.is_set():
                raise CancelledError
        result: SegmentResult = future.result()
        return result

    def close(self) -> None:
        self._pool.stop()
        self._pool.join()
        self._is_closed.set()


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

    def results(self, task: Task, *, first: int, pause: Callable[[float], bool]) -> Iterator[SegmentResult]:
        from distributed import KilledWorker

        # A task of its own rather than scattered data, which would be lost with the worker that holds it.
        packed = self._client.submit(_same, _packed(task), pure=False)

        def submit(index: int) -> Any:
            return self._client.submit(_run, packed, index, task.dataset.segments[index], pure=False)

        for index, future in _ahead(submit, range(first, len(task.dataset.segments)), AHEAD_OF_CLUSTER):
            try:
                result: SegmentResult = future.result()
            except KilledWorker as error:
                result = _failed(task, index, f"the workers that ran it died: {error}")
            if pause(math.inf):
                return
            yield result

    def close(self) -> None:
        self._client.close()


def _ahead(submit: Callable[[int], F], indices: range, ahead: int) -> Iterator[tuple[int, F]]:
    """Submit a number of segments ahead of the one that is waited for."""
    waiting: deque[tuple[int, F]] = deque()
    rest = iter(indices)
    for index in rest:
        waiting.append((index, submit(index)))
        if len(waiting) >= ahead:
            break
    while waiting:
        yield waiting.popleft()
        for index in rest:
            waiting.append((index, submit(index)))
            break


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
    """Run a segment, in a process of the pool or of the cluster."""
    task, predict = _unpacked(packed)
    return run_segment(task, predict, index, segment, _resolved)


def _same(packed: bytes) -> bytes:
    return packed


def _resolved(output: Awaitable[str]) -> str:
    return anyio.run(awaited, output)


def _failed(task: Task, index: int, reason: str) -> SegmentResult:
    return SegmentResult(index, None, reason, (None,) * len(task.scorers), 0.0, 0.0)
