"""Calls on the loop, and a client's place on it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from aiobench.errors import ClientClosedError

__all__ = ["GRACE", "Step", "Tenant", "exiting"]

T = TypeVar("T")

GRACE = 5.0  # seconds to wait for a cancelled call to clean up
UNINTERRUPTED = 0.1 if sys.platform == "win32" else -1
"""Seconds, or no limit, that a thread may wait for a lock at once: on Windows no signal ends such a wait."""

exiting = threading.Event()
"""Set when the interpreter has begun to exit."""


class Step(Generic[T]):
    """A coroutine function to run on the loop. It exists before its task, so it can always be cancelled."""

    __slots__ = ("_error", "_gate", "_make", "_task", "_value", "is_over", "is_posted")

    _value: T

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._gate = threading.Lock()  # and no Event: an interrupt amid the Python of one can leave it locked for ever
        self._gate.acquire()
        self.is_over: bool = False
        self._task: asyncio.Task[Any] | None = None
        self._error: BaseException | None = None
        self.is_posted: bool = False

    # -- on the loop -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the coroutine. Whatever it raises, SystemExit included, goes to the caller and not to the loop."""
        if self.is_over:
            return
        self._task = asyncio.current_task()
        try:
            self._value = await self._make()
        except BaseException as error:  # noqa: BLE001 - handed over
            self.end(error)
        else:
            self.end(None)

    def end(self, error: BaseException | None) -> None:
        """Set the outcome, unless one was set before."""
        self._task = None
        if self.is_over or (exiting.is_set() and isinstance(error, asyncio.CancelledError)):
            return  # at exit, daemon threads alone still wait: they end with the process, without a word
        self._error = error
        self.is_over = True
        self._gate.release()

    def cancel(self) -> None:
        """Cancel it while it runs; before that, end it so that it never runs."""
        if self._task is not None:
            self._task.cancel()
        else:
            self.end(asyncio.CancelledError())

    # -- in the caller's thread --------------------------------------------------------------------------------

    def outcome(self) -> T:
        """Wait for the end, then return or raise what the coroutine did."""
        if not self.is_over:
            while not self._gate.acquire(timeout=UNINTERRUPTED):
                pass
        error, self._error = self._error, None
        try:
            if isinstance(error, asyncio.CancelledError):  # not by this caller, who would no longer be here
                raise ClientClosedError("this client, or this iteration, was closed during the call")
            if error is not None:
                raise error
        finally:
            del error  # else it and this frame would hold each other
        return self._value

    def settle(self) -> None:
        """Wait a limited time until what was cancelled has cleaned up."""
        if not self.is_over:
            self._gate.acquire(timeout=GRACE)


class Tenant:
    """One client's place on the loop. It does not know its `Owner`, which must be free to be dropped."""

    def __init__(self, aclose: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._aclose = aclose
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, run: Coroutine[Any, Any, None], at_end: Callable[[], object]) -> None:
        """Start a task, on the loop; *at_end* is called also when it is cancelled before it began."""
        task = asyncio.get_running_loop().create_task(run)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            at_end()

        task.add_done_callback(ended)

    def start_step(self, step: Step[Any]) -> None:
        """Start a step as its own task, on the loop."""
        self.start(step.run(), lambda: step.end(asyncio.CancelledError()))

    async def leave(self) -> None:
        """End the client's tasks, then its connections."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        await self._aclose()
