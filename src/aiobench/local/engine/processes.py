"""Executors that run segments in other processes: a pool on this machine, or a Dask cluster."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import anyio
import cloudpickle
from attrs import evolve, frozen

from aiobench.errors import ConfigurationError, MissingExtraError
from aiobench.local.engine.awaiting import awaited
from aiobench.local.engine.executor import Executor, ahead
from aiobench.local.engine.pool import Call, DiedError, LateError, Pool
from aiobench.local.engine.records import SegmentResult
from aiobench.local.engine.segments import Task, failed, longest, run_segment
from aiobench.local.engine.threads import LOOK, ModelThreads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiobench.local.catalogue.models import Predict
    from aiobench.local.datasets import Segment

__all__ = ["Cluster", "Processes"]

ATTEMPTS = 3  # for a segment whose process died: it may have been killed for another's fault
AHEAD = 4  # batches for each process that are under way or wait for their turn
AHEAD_OF_CLUSTER = 256
BATCH_SECONDS = 0.05  # what a batch of segments is to take, so that sending it costs little beside it
THREADS_OF_WORKER = 64  # more than a worker of a cluster runs tasks at a time


class _LostError(Exception):
    """Raised when a process returned no results, with whether another attempt can help."""

    def __init__(self, reason: str, *, is_worth_a_try: bool) -> None:
        super().__init__(reason)
        self.is_worth_a_try = is_worth_a_try


class _Elsewhere(Executor):
    """Runs segments in other processes, in batches: one at a time for a slow model, many for a fast one."""

    ahead: int

    @abstractmethod
    def sender(self, task: Task) -> Callable[[range], Any]:
        """Return a function that submits a batch of segments and returns a future of a `_Batch`."""

    @abstractmethod
    def outcome(self, task: Task, future: Any) -> _Batch:
        """Return the batch of a completed future.

        Raises:
            _LostError: If the process died or took too long.
        """

    def results(self, task: Task, *, first: int, halted: Callable[[], bool]) -> Generator[SegmentResult]:
        """Run the segments. Those of a lost batch run again one by one, to find the culprit."""
        send = self.sender(task)
        size = 1

        def batches() -> Iterator[range]:
            begin, end = first, len(task.dataset.segments)
            while begin < end:
                batch = range(begin, min(begin + size, end))
                yield batch
                begin = batch.stop  # not by the size, which has changed meanwhile

        for indices, future in ahead(send, batches(), self.ahead):
            try:
                done = self._awaited(task, future, halted)
            except _LostError as error:
                for index in indices:
                    yield self._alone(task, send, index, error if len(indices) == 1 else None, halted)
            else:
                yield from done.results
                size = max(1, min(2 * len(indices), int(BATCH_SECONDS * len(indices) / max(done.seconds, 1e-6))))

    def _alone(
        self,
        task: Task,
        send: Callable[[range], Any],
        index: int,
        error: _LostError | None,
        halted: Callable[[], bool],
    ) -> SegmentResult:
        """Run a single segment, or run it again after an error."""
        for _ in range(ATTEMPTS if error is None else ATTEMPTS - 1):
            if error is not None and not error.is_worth_a_try:
                break
            try:
                (result,) = self._awaited(task, send(range(index, index + 1)), halted).results
            except _LostError as another:
                error = another
            else:
                return result
        return failed(task, index, str(error))

    def _awaited(self, task: Task, future: Any, halted: Callable[[], bool]) -> _Batch:
        """Wait for a batch. One that is submitted while the pool stops never completes."""
        # By the callback: distributed's result(timeout=…) has neither where the time is up as the result comes.
        is_done = threading.Event()
        future.add_done_callback(lambda _: is_done.set())
        while not is_done.wait(LOOK):
            if halted():
                future.cancel()
                raise CancelledError
        return self.outcome(task, future)


class Processes(_Elsewhere):
    """Runs segments in processes on this machine. One that dies or hangs loses its segment and is replaced."""

    def __init__(self, count: int) -> None:
        self._pool = Pool(count)
        self.ahead: int = AHEAD * count

    def sender(self, task: Task) -> Callable[[range], Call]:
        """Send batches to the pool, which kills a process that takes too long."""
        run, limit = partial(_run, _packed(task)), longest(task.model)

        def send(indices: range) -> Call:
            segments = task.dataset.segments[indices.start : indices.stop]
            return self._pool.submit(run, indices.start, segments, limit=limit)

        return send

    def outcome(self, task: Task, future: Call) -> _Batch:
        """Return a batch, unless its process died or was killed."""
        try:
            batch: _Batch = future.result()
        except DiedError as error:
            code = "" if error.exit_code is None else f" with {error.exit_code}"
            raise _LostError(f"the process that ran it ended{code}", is_worth_a_try=True) from None
        except LateError:
            raise _LostError(f"no output or score within {task.model.timeout:g} s", is_worth_a_try=False) from None
        return batch

    def close(self) -> None:
        """Stop the processes."""
        self._pool.close()


class Cluster(_Elsewhere):
    """Runs segments on an existing Dask cluster, whose workers have aiobench installed."""

    ahead = AHEAD_OF_CLUSTER

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

    def sender(self, task: Task) -> Callable[[range], Any]:
        """Send batches to the scheduler."""
        # A task of its own rather than scattered data, which would be lost with the worker that holds it.
        packed = self._client.submit(_same, _packed(task), pure=False)

        def send(indices: range) -> Any:
            segments = task.dataset.segments[indices.start : indices.stop]
            return self._client.submit(_run_on_cluster, packed, indices.start, segments, pure=False)

        return send

    def outcome(self, task: Task, future: Any) -> _Batch:  # noqa: ARG002 - the other pool's names the limit
        """Return a batch. The scheduler moves it to another worker if one dies."""
        from distributed import KilledWorker

        try:
            batch: _Batch = future.result()
        except KilledWorker as error:
            raise _LostError(f"the workers that ran it died: {error}", is_worth_a_try=False) from None
        return batch

    def close(self) -> None:
        """Disconnect from the cluster."""
        self._client.close()


def _packed(task: Task) -> bytes:
    """Pickle a task for another process, including functions defined in scripts and notebooks.

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


@frozen
class _Batch:
    """The results of a batch, and how long it took, scoring included."""

    results: list[SegmentResult]
    seconds: float


def _run(packed: bytes, first: int, segments: Sequence[Segment]) -> _Batch:
    """Run a batch in a process of the pool, which kills the process if it takes too long."""
    task, predict = _unpacked(packed)
    return _timed(
        run_segment(task, predict, index, segment, _resolved) for index, segment in enumerate(segments, first)
    )


def _timed(results: Iterable[SegmentResult]) -> _Batch:
    started = time.perf_counter()
    return _Batch(list(results), time.perf_counter() - started)


@lru_cache(maxsize=8)
def _threads(packed: bytes) -> ModelThreads:
    return ModelThreads(cloudpickle.loads(packed), THREADS_OF_WORKER, _resolved)


def _run_on_cluster(packed: bytes, first: int, segments: Sequence[Segment]) -> _Batch:
    """Run a batch in a worker of the cluster, which must survive; stop when nobody waits for the batch any more."""
    from distributed import get_worker

    worker: Any = get_worker()  # has types only in part
    key = worker.get_current_task()

    def is_called_off() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    threads = _threads(packed)
    return _timed(
        threads.result(threads.submit(index, segment), is_called_off) for index, segment in enumerate(segments, first)
    )


def _same(packed: bytes) -> bytes:
    return packed


def _resolved(output: Awaitable[str], seconds: float) -> str:
    return anyio.run(awaited, output, seconds)
