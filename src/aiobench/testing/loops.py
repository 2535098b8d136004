"""Finding out that an event loop has nothing left to do but wait: asyncio's and trio's each in their own way."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    import trio

__all__ = ["LoopClosedError", "Observer", "current_observer"]

PATIENCE = 50  # rounds of a loop that never comes to rest, such as one in which a test polls without waiting
BLIND = 10  # rounds on a loop that does not show what it has to do, such as uvloop's


class LoopClosedError(Exception):
    """Raised when a loop that is no longer running is asked for something."""


class Observer(Protocol):
    """Watches one event loop."""

    is_settled: bool

    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the loop, soon; from any thread.

        Raises:
            LoopClosedError: If the loop is closed.
        """

    def watch(self, settled: Callable[[], None]) -> None:
        """Start over with finding out whether the loop has come to rest, and call *settled* when it has.

        Raises:
            LoopClosedError: If the loop is closed.
        """


def current_observer() -> Observer:
    """Return the observer of the running event loop."""
    if (trio := sys.modules.get("trio")) is not None and trio.lowlevel.in_trio_run():
        token = trio.lowlevel.current_trio_token()
        return _observers.get(token) or _observers.setdefault(token, _TrioObserver(token))
    loop = asyncio.get_running_loop()
    return _observers.get(loop) or _observers.setdefault(loop, _AsyncioObserver(loop))


_observers: WeakKeyDictionary[Any, Observer] = WeakKeyDictionary()


class _AsyncioObserver:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)  # this is kept as long as the loop is
        self._is_watching = False
        self._settled: set[Callable[[], None]] = set()  # whom to call when it has come to rest
        self._rounds = self._quiet = 0
        self.is_settled = False

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

    def watch(self, settled: Callable[[], None]) -> None:
        self.is_settled = False
        self._rounds = self._quiet = 0
        self._settled.add(settled)
        if not self._is_watching:
            self.call(self._look)
            self._is_watching = True

    def _look(self) -> None:
        """Count rounds in which nothing but this was to be done: in the second, the sockets were asked as well."""
        self._rounds += 1
        # no public way tells; where there is none, as with uvloop, a number of rounds has to do
        loop = asyncio.get_running_loop()
        ready = getattr(loop, "_ready", None)
        self._quiet = self._quiet + 1 if not ready else 0
        if self._quiet < (BLIND if ready is None else 2) and self._rounds < PATIENCE:
            loop.call_soon(self._look)
            return
        self._is_watching, self.is_settled = False, True
        settled, self._settled = self._settled, set()
        for tell in settled:
            if self.is_settled:
                tell()
            else:  # the one before had time jump
                self._settled.add(tell)


def _is_running_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _TrioObserver:
    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = ref(token)
        self._is_watching = False
        self._settled: set[Callable[[], None]] = set()
        self._is_disturbed = False
        self.is_settled = False

    def call(self, function: Callable[[], object]) -> None:
        import trio

        token = self._token()
        if token is None:
            raise LoopClosedError
        try:
            token.run_sync_soon(function)
        except trio.RunFinishedError as error:
            raise LoopClosedError from error

    def watch(self, settled: Callable[[], None]) -> None:
        self.is_settled = False
        self._is_disturbed = True
        self._settled.add(settled)
        if not self._is_watching:
            self.call(self._start)
            self._is_watching = True

    def _start(self) -> None:
        import trio

        trio.lowlevel.spawn_system_task(self._look)

    async def _look(self) -> None:
        import trio
        import trio.testing

        while self._is_disturbed:
            self._is_disturbed = False
            with trio.move_on_after(0.05):  # for a loop that never comes to rest
                await trio.testing.wait_all_tasks_blocked()
        self._is_watching, self.is_settled = False, True
        settled, self._settled = self._settled, set()
        for tell in settled:
            if self.is_settled:
                tell()
            else:  # the one before had time jump
                self._settled.add(tell)
