"""Iterations: many steps of one iterator on the loop, by one task in one context.

What a step opens, a later one may close: cancel scopes and context variables belong to a task.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aiobench.errors import ClientClosedError, ClientStateError, ForkedClientError
from aiobench.sync._bridge import Owner
from aiobench.sync._steps import Step, Tenant

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Lane", "SyncIterator"]

T = TypeVar("T")


class Lane:
    """The caller's side: one step at a time.

    It ends by `close()`, when it is dropped, by an interrupted step, or with its client. Each way runs *finish* last.
    """

    def __init__(self, owner: Owner, finish: Callable[[], Awaitable[None]]) -> None:
        self._owner = owner
        self._in_use = threading.Lock()
        self._is_begun = self._is_done = False
        self._track = _Track(finish)

    def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Do the next step.

        Raises:
            StopAsyncIteration: If the lane has ended.
            ClientStateError: If another thread is at it.
        """
        if not self._in_use.acquire(blocking=False):
            raise ClientStateError("another thread is in the middle of this iteration, which has one consumer")
        try:
            if self._is_done:
                raise StopAsyncIteration
            self._is_begun = True
            return self._owner.do(Step(make), self._track.take)
        finally:
            self._in_use.release()

    def close(self) -> None:
        """Finish and wait."""
        self._is_done = True
        if self._is_begun and not self._track.last.is_over:
            try:
                self._owner.call(self._track.finished)
            except (ClientClosedError, ForkedClientError):
                return  # the client's end was this one's, too

    def drop(self) -> None:
        """Finish soon, without waiting or locking, since finalizers use it."""
        self._is_done = True
        if self._is_begun and not self._track.last.is_over:
            self._owner.drop(self._track.end)

    __del__ = drop


class _Track:
    """The loop's side of a lane. It does not know the iterator, which must be free to be dropped."""

    def __init__(self, finish: Callable[[], Awaitable[None]]) -> None:
        self.last = Step(finish)
        self._steps: asyncio.Queue[Step[Any] | None] = asyncio.Queue()
        self._running: Step[Any] | None = None
        self._is_started = self._is_ending = False
        self._over = asyncio.Event()

    def take(self, tenant: Tenant, step: Step[Any]) -> None:
        """Take the next step, on the loop."""
        if self._is_ending:
            step.end(StopAsyncIteration())
            return
        self._steps.put_nowait(step)
        if not self._is_started:
            self._is_started = True
            tenant.start(self._run(), self._ended)

    def end(self) -> None:
        """Cancel the running step and then run *finish*, on the loop."""
        if not self._is_ending:
            self._is_ending = True
            self._steps.put_nowait(None)
            if self._running is not None:
                self._running.cancel()

    async def finished(self) -> None:
        """End, and wait for it, on the loop; an error of *finish* is raised."""
        self.end()
        await self._over.wait()
        self.last.outcome()

    async def _run(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            while (step := await self._steps.get()) is not None:
                self._running = step
                await step.run()
                self._running = None
                if task.cancelling():
                    break
        except asyncio.CancelledError:  # between two steps: the client is being closed
            pass
        self._is_ending = True
        while task.uncancel():  # so that what follows may open scopes of its own
            pass
        await self.last.run()

    def _ended(self) -> None:
        self._is_ending = True
        self.last.end(asyncio.CancelledError())
        self._over.set()
        while not self._steps.empty():
            step = self._steps.get_nowait()
            if step is not None:
                step.end(asyncio.CancelledError())


class SyncIterator(Iterator[T]):
    """A blocking view of an async generator.

    Leaving a `for` loop early closes the generator at once; `with job.watch() as snapshots:` also waits for that.
    """

    __slots__ = ("_lane", "_next")

    def __init__(self, owner: Owner, generator: AsyncGenerator[T, None]) -> None:
        self._lane = Lane(owner, generator.aclose)
        self._next = generator.__anext__

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return self._lane.call(self._next)
        except StopAsyncIteration:
            self._lane.drop()
            raise StopIteration from None

    def close(self) -> None:
        """Close the generator and wait until it has cleaned up; closing twice is fine."""
        self._lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
