"""Threads that run a model on segments. A thread that the model blocks for too long is abandoned and replaced."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYetError
from typing import TYPE_CHECKING

from attrs import define, field

from aiobench.local.engine.segments import failed, run_segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiobench.local.datasets import Segment
    from aiobench.local.engine.records import SegmentResult
    from aiobench.local.engine.segments import Resolve, Task

__all__ = ["LOOK", "Errand", "ModelThreads"]

LOOK = 0.2  # seconds between two looks at whether the run was halted
GRACE = 0.5  # seconds in which a model that knows its limit can keep it by itself


@define(eq=False)
class Errand:
    """A segment to run. The thread that runs it sets `thread` and `begun`, the time of the latest attempt."""

    index: int
    segment: Segment
    future: Future[SegmentResult] = field(factory=Future)
    thread: _Thread | None = None
    begun: float = 0.0

    def cancel(self) -> None:
        """Cancel it, unless it has begun."""
        self.future.cancel()

    def begin(self) -> None:
        """Record that an attempt begins."""
        self.begun = time.monotonic()


class ModelThreads:
    """A set of threads, each with its own prepared model.

    No thread can be ended from outside. So one that a model keeps beyond its limit goes on, but nobody waits for it,
    another takes its place, and the process can end without it.

    Args:
        task: What to run.
        count: How many threads at most; they start when they are needed.
        resolve: Waits for the output of an async model.
    """

    def __init__(self, task: Task, count: int, resolve: Resolve) -> None:
        self._task, self._resolve = task, resolve
        self._errands: queue.SimpleQueue[Errand | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._free = count
        self._lock = threading.Lock()
        weakref.finalize(self, self._errands.put, None)

    def submit(self, index: int, segment: Segment) -> Errand:
        """Schedule a segment."""
        errand = Errand(index, segment)
        with self._lock:
            if not self._idle.acquire(blocking=False) and self._free:
                self._free -= 1
                _Thread(self._task, self._resolve, self._errands, self._idle).start()
        self._errands.put(errand)
        return errand

    def result(self, errand: Errand, halted: Callable[[], bool] = lambda: False) -> SegmentResult:
        """Wait for the result of a segment.

        Args:
            errand: What `submit()` returned.
            halted: Called now and then; true ends the wait.

        Raises:
            CancelledError: If it was halted.
        """
        while True:
            try:
                return errand.future.result(LOOK)
            except NotYetError:
                if halted():
                    raise CancelledError from None
                if errand.thread is not None and time.monotonic() - errand.begun > self._task.model.timeout + GRACE:
                    return self._left(errand, errand.thread)

    def _left(self, errand: Errand, thread: _Thread) -> SegmentResult:
        with self._lock:
            thread.is_left = True
            self._free += 1
        return failed(self._task, errand.index, f"no output or score within {self._task.model.timeout:g} s")

    def close(self) -> None:
        """Let the threads end after their current segments."""
        self._errands.put(None)


class _Thread(threading.Thread):
    def __init__(
        self, task: Task, resolve: Resolve, errands: queue.SimpleQueue[Errand | None], idle: threading.Semaphore
    ) -> None:
        super().__init__(name=f"aiobench-local-model-{task.model.label}", daemon=True)
        self._task, self._resolve, self._errands, self._idle = task, resolve, errands, idle
        self.is_left = False

    def run(self) -> None:
        predict = self._task.prepared()
        while (errand := self._errands.get()) is not None:
            if not errand.future.set_running_or_notify_cancel():
                self._idle.release()
                continue
            errand.begin()
            errand.thread = self
            try:
                result = run_segment(self._task, predict, errand.index, errand.segment, self._resolve, errand.begin)
            except BaseException as error:  # noqa: BLE001 - the thread that waits for it must know
                errand.future.set_exception(error)
            else:
                errand.future.set_result(result)
            if self.is_left:
                return
            self._idle.release()
        self._errands.put(None)  # for the next thread
