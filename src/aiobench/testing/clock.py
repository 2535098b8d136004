"""Time that jumps: to the next deadline, as soon as nothing but time could change anything."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from attrs import frozen

from aiobench._clock import Clock
from aiobench.testing.loops import LoopClosedError, Observer, current_observer

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["VirtualClock"]


@frozen(eq=False)
class _Timer:
    """Something to be done at *deadline*, on the event loop of *observer* (or in any thread, if there is none)."""

    deadline: float
    fire: Callable[[], object]
    observer: Observer | None


class VirtualClock(Clock):
    """A clock that stands still while anything can happen, and then jumps to the next deadline.

    It jumps when no `busy()` block is open and every event loop that waits on this clock has run out of things to do.
    Loops in several threads may share it. It starts at 0 seconds.
    """

    seed = 0

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.RLock()
        self._timers: set[_Timer] = set()
        self._busy = _Busy(self.look_again, self._lock)

    def now(self) -> float:  # type: ignore[override]  # the real clock's is a plain function
        """Return the seconds since this clock was made."""
        return self._now

    async def sleep(self, seconds: float) -> None:  # type: ignore[override]
        """Wait until *seconds* have passed on this clock."""
        if seconds > 0:
            passed = anyio.Event()
            with self._timer(seconds, passed.set, current_observer()):
                await passed.wait()
        else:
            await anyio.lowlevel.checkpoint()

    @contextmanager
    def move_on_after(self, seconds: float) -> Iterator[anyio.CancelScope]:
        """Cancel the block when *seconds* have passed on this clock."""
        with anyio.CancelScope() as scope:
            if seconds <= 0:
                scope.cancel()
            with self._timer(seconds, scope.cancel, current_observer()):
                yield scope

    def alarm(self, seconds: float, ring: Callable[[], object]) -> AbstractContextManager[None]:
        """Call *ring*, in any thread, if *seconds* pass before the block is left: for threads without an event loop."""
        return self._timer(seconds, ring, None)

    def busy(self) -> _Busy:
        """Mark a block during which this clock stands still."""
        return self._busy

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Mark a block, inside of a `busy()` one, that does wait for time."""
        self._busy.change(-1)
        try:
            yield
        finally:
            self._busy.change(+1)

    def advance(self, seconds: float) -> None:
        """Move the clock, and wake whoever has waited for that long; it may wake late, as after a suspension."""
        with self._lock:
            self._jump(self._now + seconds)
        self.look_again()

    def look_again(self) -> None:
        """Let every loop that waits find out whether it has run out of things to do."""
        with self._lock:
            if self._busy.count > 0 or not self._timers:
                return
            observers = {timer.observer for timer in self._timers if timer.observer is not None}
            for observer in observers:
                try:
                    observer.watch(self._settled)
                except LoopClosedError:  # its waits were left behind
                    self._timers -= {timer for timer in self._timers if timer.observer is observer}
            if not observers:
                self._jump_to_next()

    def _settled(self) -> None:
        """Jump if nothing else can happen: called by an observer whose loop has nothing left to do."""
        with self._lock:
            is_all = all(timer.observer is None or timer.observer.is_settled for timer in self._timers)
            if self._busy.count <= 0 and is_all and self._jump_to_next():
                self.look_again()

    def _jump_to_next(self) -> bool:
        deadline = min((timer.deadline for timer in self._timers), default=math.inf)
        if deadline == math.inf:
            return False
        self._jump(deadline)
        return True

    def _jump(self, to: float) -> None:
        self._now = max(self._now, to)
        due = sorted((timer for timer in self._timers if timer.deadline <= self._now), key=lambda each: each.deadline)
        for timer in due:
            self._timers.discard(timer)
            if timer.observer is None:
                timer.fire()
                continue
            try:
                timer.observer.call(timer.fire)
            except LoopClosedError:
                continue

    @contextmanager
    def _timer(self, seconds: float, fire: Callable[[], object], observer: Observer | None) -> Iterator[None]:
        if not seconds < math.inf or seconds <= 0:
            yield
            return
        timer = _Timer(self._now + seconds, fire, observer)
        with self._lock:
            self._timers.add(timer)
        self.look_again()
        try:
            yield
        finally:
            with self._lock:
                self._timers.discard(timer)
            self.look_again()


class _Busy:
    """Counts blocks: a context manager that can be entered many times at once."""

    def __init__(self, changed: Callable[[], None], lock: threading.RLock) -> None:
        self._changed = changed
        self._lock = lock
        self.count = 0

    def change(self, by: int) -> None:
        with self._lock:
            self.count += by
        if self.count <= 0:
            self._changed()

    def __enter__(self) -> None:
        self.change(+1)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.change(-1)
