"""Detects that an event loop has nothing left to do but wait, on asyncio and on trio."""

from __future__ import annotations

import asyncio
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    import trio

__all__ = ["LoopClosedError", "Observer", "current_observer", "prepare"]

PATIENCE = 50  # rounds of a loop that never comes to rest, such as one in which a test polls without waiting
BLIND = 10  # rounds on a loop that does not show what it has to do, such as uvloop's
PATIENCE_SECONDS = 0.05  # the same for trio, which counts no rounds


class LoopClosedError(Exception):
    """Raised when a loop that no longer runs is asked to do something."""


def prepare() -> None:
    """Import what watching trio's loops takes, if trio is in use. That takes a quarter of a second."""
    if "trio" in sys.modules:
        import trio.testing  # noqa: F401


def current_observer() -> Observer:
    """Return the observer of the running event loop."""
    loop: Any
    make: Callable[[Any], Observer]
    if (trio := sys.modules.get("trio")) is not None and trio.lowlevel.in_trio_run():
        loop, make = trio.lowlevel.current_trio_token(), _TrioObserver
    else:
        loop, make = asyncio.get_running_loop(), _AsyncioObserver
    found = _observers.get(loop)
    if found is None:
        found = _observers[loop] = make(loop)
    return found


_observers: WeakKeyDictionary[Any, Observer] = WeakKeyDictionary()


class Observer(ABC):
    """Watches one event loop for any number of clocks, from any thread."""

    def __init__(self) -> None:
        self._is_settled = False
        self._lock = threading.Lock()
        self._is_watching = False
        self._waiting: set[Callable[[], None]] = set()

    @property
    def is_settled(self) -> bool:
        """Whether the loop has settled since it was last disturbed. One that does not run has."""
        return self._is_settled or not self._is_running

    @property
    @abstractmethod
    def _is_running(self) -> bool: ...

    def watch(self, settled: Callable[[], None]) -> None:
        """Start checking anew whether the loop has settled, and call *settled* when it has.

        Raises:
            LoopClosedError: If the loop is closed.
        """
        with self._lock:
            self._is_settled = False
            self._start_over()
            self._waiting.add(settled)
            if not self._is_watching:
                self.call(self._start)
                self._is_watching = True

    @abstractmethod
    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, soon.

        Raises:
            LoopClosedError: If the loop is closed.
        """

    @abstractmethod
    def _start(self) -> None:
        """Begin to watch, on the loop."""

    @abstractmethod
    def _start_over(self) -> None:
        """Forget how quiet the loop has been."""

    def _come_to_rest(self) -> set[Callable[[], None]]:
        """Return the callbacks to call. The lock must be held."""
        self._is_watching, self._is_settled = False, True
        waiting, self._waiting = self._waiting, set()
        return waiting

    def _tell(self, waiting: set[Callable[[], None]]) -> None:
        for settled in waiting:
            with self._lock:
                if not self._is_settled:  # one before has disturbed it
                    self._waiting.add(settled)
                    continue
            settled()


class _AsyncioObserver(Observer):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = ref(loop)  # this is kept for as long as the loop is there
        self._rounds = self._quiet = 0

    def call(self, function: Callable[[], object]) -> None:
        loop = self._loop()
        if loop is None:
            raise LoopClosedError
        try:
            if _is_running_here(loop):
                loop.call_soon(function)
            else:
                loop.call_soon_threadsafe(function)
        except RuntimeError as error:
            raise LoopClosedError from error

    def _start(self) -> None:
        """Count rounds in which nothing but this was to be done: before the second, the sockets were asked as well."""
        loop = asyncio.get_running_loop()
        ready = getattr(loop, "_ready", None)  # no public way tells; uvloop has none at all
        with self._lock:
            self._rounds += 1
            self._quiet = 0 if ready else self._quiet + 1
            if self._quiet < (BLIND if ready is None else 2) and self._rounds < PATIENCE:
                loop.call_soon(self._start)
                return
            waiting = self._come_to_rest()
        self._tell(waiting)

    def _start_over(self) -> None:
        self._rounds = self._quiet = 0

    @property
    def _is_running(self) -> bool:
        loop = self._loop()
        return loop is not None and loop.is_running()


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _TrioObserver(Observer):
    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        super().__init__()
        self._token = ref(token)
        self._is_disturbed = False

    def call(self, function: Callable[[], object]) -> None:
        import trio

        token = self._token()
        if token is None:
            raise LoopClosedError
        try:
            token.run_sync_soon(function)
        except trio.RunFinishedError as error:
            raise LoopClosedError from error

    def _start(self) -> None:
        import trio

        trio.lowlevel.spawn_system_task(self._until_quiet)

    async def _until_quiet(self) -> None:
        import trio
        import trio.testing

        try:
            while self._is_disturbed:
                self._is_disturbed = False
                with trio.move_on_after(PATIENCE_SECONDS):
                    await trio.testing.wait_all_tasks_blocked()
        finally:  # also when the run ends
            with self._lock:
                waiting = self._come_to_rest()
            self._tell(waiting)

    def _start_over(self) -> None:
        self._is_disturbed = True

    @property
    def _is_running(self) -> bool:
        return self._token() is not None  # a run that ends comes to rest
