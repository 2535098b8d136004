"""The choice of an executor, and the one that runs segments in this process."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from aiobench.errors import ConfigurationError
from aiobench.local.engine.awaiting import LoopThread
from aiobench.local.engine.executor import Executor, ahead
from aiobench.local.engine.segments import Task, run_segment
from aiobench.local.engine.threads import Errand, ModelThreads

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from aiobench.local.engine.records import SegmentResult
    from aiobench.local.engine.segments import Resolve

__all__ = ["InThisProcess", "executor_of"]


def executor_of(choice: object) -> Executor:
    """Return the executor that the user chose.

    Args:
        choice: None for this process, a number of processes, or the address of a Dask scheduler.

    Raises:
        ConfigurationError: If it is anything else, or the scheduler cannot be reached.
        MissingExtraError: If Dask is not installed.
    """
    if choice is None:
        return InThisProcess()
    if isinstance(choice, int) and not isinstance(choice, bool) and choice >= 1:
        from aiobench.local.engine.processes import Processes

        return Processes(choice)
    if isinstance(choice, str) and "://" in choice:
        from aiobench.local.engine.processes import Cluster

        return Cluster(choice)
    raise ConfigurationError(
        f"executor= must be None, a number of processes or the address of a Dask scheduler, not {choice!r}"
    )


class InThisProcess(Executor):
    """Runs segments in threads of this process, as many at a time as the model allows.

    Args:
        resolve: Waits for the output of an async model; None: in an event loop of the executor's own.
    """

    is_paced = True

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._loop = LoopThread()
        self._resolve = resolve or self._loop.result

    def results(self, task: Task, *, first: int, halted: Callable[[], bool]) -> Generator[SegmentResult]:
        """Run the segments. Without concurrency, no segment runs ahead of the one asked for."""
        segments = task.dataset.segments
        if not task.can_hang:
            predict = task.prepared()
            for index in range(first, len(segments)):
                yield run_segment(task, predict, index, segments[index], self._resolve)
            return
        threads = ModelThreads(task, task.model.concurrency, self._resolve)

        def submit(indices: range) -> Errand:
            return threads.submit(indices.start, segments[indices.start])

        with closing(threads):
            singles = (range(index, index + 1) for index in range(first, len(segments)))
            for _, errand in ahead(submit, singles, task.model.concurrency):
                yield threads.result(errand, halted)

    def close(self) -> None:
        """Stop the event loop."""
        self._loop.close()
