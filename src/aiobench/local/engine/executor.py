"""What runs segments: the interface of executors, and how they work ahead."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from aiobench.local.engine.records import SegmentResult
    from aiobench.local.engine.segments import Task

__all__ = ["Executor", "ahead"]


class Cancellable(Protocol):
    """A future of any library."""

    def cancel(self) -> Any: ...


F = TypeVar("F", bound=Cancellable)


class Executor(ABC):
    """Runs models on segments.

    Attributes:
        is_paced: Whether segments come one after the other, so that a least time for each makes sense.
    """

    is_paced = False

    @abstractmethod
    def results(self, task: Task, *, first: int, halted: Callable[[], bool]) -> Generator[SegmentResult]:
        """Run a model on the segments of its dataset.

        Args:
            task: What to run.
            first: The segment to begin with.
            halted: Called now and then; true, or an error that it raises, ends the run.

        Yields:
            One result for each segment, in order.

        Raises:
            CancelledError: If the run was halted while it waited for a segment.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop everything that runs."""


def ahead(submit: Callable[[range], F], batches: Iterator[range], number: int) -> Iterator[tuple[range, F]]:
    """Submit a few batches ahead of the one being waited for; cancel the rest when the caller stops."""
    waiting: deque[tuple[range, F]] = deque()
    try:
        for batch in islice(batches, number):
            waiting.append((batch, submit(batch)))
        while waiting:
            yield waiting.popleft()
            for batch in islice(batches, 1):
                waiting.append((batch, submit(batch)))
    finally:
        for _, future in waiting:
            future.cancel()
