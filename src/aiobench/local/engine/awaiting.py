"""Async models, called from the threads that run jobs."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from anyio.from_thread import BlockingPortal

__all__ = ["LoopThread", "awaited"]


class LoopThread:
    """Waits for what async models return, in an event loop of its own that starts with the first."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None

    def result(self, output: Awaitable[str]) -> str:
        """Return what an awaitable gives; its error is raised here."""
        with self._lock:
            if self._portal is None:
                self._portal = self._stack.enter_context(start_blocking_portal())
        return self._portal.call(awaited, output)

    def close(self) -> None:
        """Stop the loop."""
        self._stack.close()


async def awaited(output: Awaitable[str]) -> str:
    """Return what an awaitable gives."""
    return await output
