"""Async models, called from the threads that run jobs."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from anyio.from_thread import BlockingPortal

__all__ = ["LoopThread", "awaited"]


class LoopThread:
    """Runs async models in an event loop of its own, which starts when the first one is called."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None

    def result(self, output: Awaitable[str], seconds: float) -> str:
        """Return an awaitable's result or raise its error."""
        with self._lock:
            if self._portal is None:
                self._portal = self._stack.enter_context(start_blocking_portal())
        return self._portal.call(awaited, output, seconds)

    def close(self) -> None:
        """Stop the loop and everything that still runs in it."""
        if self._portal is not None:
            self._portal.call(partial(self._portal.stop, cancel_remaining=True))
        self._stack.close()


async def awaited(output: Awaitable[str], seconds: float) -> str:
    """Return an awaitable's result.

    Raises:
        LookupError: If it gives nothing within that many seconds.
    """
    with anyio.move_on_after(seconds):
        return await output
    raise LookupError(f"no output within {seconds:g} s")
