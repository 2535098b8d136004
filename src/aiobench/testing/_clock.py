"""A clock that jumps to the next deadline as soon as only time could change anything."""

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
from aiobench.testing._loops import LoopClosedError, Observer, current_observer, prepare

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["VirtualClock"]

PATIENCE = 0.01  # real seconds until another thread's loop is looked at again


@frozen(eq=False)
class _Timer:
    """A block inside of which something happens at *deadline*, on the event loop of *observer*, or in any thread."""

    clock: VirtualClock
    deadline: float
    fire: Callable[[], object]
    observer: Observer | None

    def __enter__(self) -> None:
        if self.deadline < math.inf:
            self.clock.start(self)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.deadline < math.inf:
            self.clock.end(self)


class VirtualClock(Clock):
    """A clock that stands still while anything can happen, and then jumps to the next deadline.

    It jumps when no `busy()` block is open and every event loop that waits on this clock has run out of things to do.
    Loops in several threads may share it. It starts at 0 seconds.
    """

    seed = 0

    def __init__(self) -> None:
        prepare()
        self._now = 0.0
        self._lock = threading.RLock()
        self._timers: set[_Timer] = set()
        self._awake: set[Observer] = set()  # those of the loops that the last jump has woken
        self._busy = _Busy(self.look_again, self._lock)

    def now(self) -> float:
        """Return the seconds since this clock was made."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until *seconds* have passed on this clock."""
        if seconds > 0:
            passed = anyio.Event()
            with self._timer(seconds, passed.set, current_observer()):
                await passed.wait()
        else:
            await anyio.lowlevel.checkpoint()

    @contextmanager
    def move_on_after(self, seconds: float) -> Iterator[anyio.CancelScope]:
        """Cancel the block once *seconds* have passed on this clock."""
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
        """Mark a block within a `busy()` block of this event loop that does wait for time."""
        self._busy.change(-1)
        try:
            yield
        finally:
            self._busy.change(+1)

    @contextmanager
    def idle_until(self, seconds: float, ring: Callable[[], object]) -> Iterator[None]:
        """Like `alarm()`, while a loop's `busy()` block waits for this thread. It is busy again when this rings."""
        is_idle = True

        def end() -> None:
            nonlocal is_idle
            with self._lock:
                if is_idle:
                    is_idle = False
                    self._busy.come_back()

        def fire() -> None:
            end()
            ring()

        with self._timer(seconds, fire, None):
            self._busy.change(-1)
            try:
                yield
            finally:
                end()

    def advance(self, seconds: float) -> None:
        """Move the clock ahead and wake the tasks that wait. They may wake late, as after a suspend."""
        with self._lock:
            self._jump(self._now + seconds)
        self.look_again()

    def look_again(self) -> None:
        """Have every waiting loop check again whether it has nothing left to do."""
        with self._lock:
            if self._busy.count or not self._timers:
                return
            observers = self._observers()
            for observer in observers:
                try:
                    observer.watch(self._settled)
                except LoopClosedError:  # its waits were left behind
                    self._awake.discard(observer)
                    self._timers -= {timer for timer in self._timers if timer.observer is observer}
            if not observers:
                self._jump_to_next()

    def _settled(self) -> None:
        """Jump if nothing else can happen: called by an observer whose loop has nothing left to do."""
        with self._lock:
            if self._busy.count:
                return
            if not all(observer.is_settled for observer in self._observers()):
                # the loop of another thread may stop without a word: have a look at it
                later = threading.Timer(PATIENCE, self.look_again)
                later.daemon = True
                later.start()
                return
            self._awake.clear()
            if self._jump_to_next():
                self.look_again()

    def _observers(self) -> set[Observer]:
        return {timer.observer for timer in self._timers if timer.observer is not None} | self._awake

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
            self._awake.add(timer.observer)

    def _timer(self, seconds: float, fire: Callable[[], object], observer: Observer | None) -> _Timer:
        return _Timer(self, self._now + seconds if seconds > 0 else math.inf, fire, observer)

    def start(self, timer: _Timer) -> None:
        """Fire *timer* when it is due."""
        with self._lock:
            self._timers.add(timer)
        self.look_again()

    def end(self, timer: _Timer) -> None:
        """Forget *timer*."""
        with self._lock:
            self._timers.discard(timer)
        self.look_again()


class _Busy:
    """Counts blocks: a context manager that can be entered many times at once."""

    def __init__(self, changed: Callable[[], None], lock: threading.RLock) -> None:
        self._changed = changed
        self._lock = lock
        self.count = 0
        self._left = 0  # blocks that were left while a thread still thought to wait for time on their behalf

    def change(self, by: int) -> None:
        with self._lock:
            self.count += by
            if self.count < 0:
                self.count = 0
                self._left += 1
        if not self.count:
            self._changed()

    def come_back(self) -> None:
        """Count a block as busy again after it waited for time, unless it was left meanwhile."""
        with self._lock:
            if self._left:
                self._left -= 1
                return
        self.change(+1)

    def __enter__(self) -> None:
        self.change(+1)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.change(-1)
