"""The clock by which a client measures timeouts, waits and schedules.

A client takes the current clock when it is made: the real one, unless `aiobench.testing` has put its own in place.
Limits on the machine itself, such as how long closing a socket may take, are not a client's time and stay real.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic

import anyio

__all__ = ["Clock", "current_clock", "using_clock"]

_idle = nullcontext()


class Clock:
    """The real clock, and the interface of any other. All times are in seconds."""

    seed: int | None = None  # of the randomness in waits; None: none

    def now(self) -> float:
        """Return the time that has passed since some moment."""
        return monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        await anyio.sleep(seconds)

    def move_on_after(self, seconds: float) -> AbstractContextManager[anyio.CancelScope]:
        """Cancel the block after *seconds*, as `anyio.move_on_after` does."""
        return anyio.move_on_after(seconds)

    def busy(self) -> AbstractContextManager[None]:
        """Mark a block that waits for something other than time: a reply, or a thread.

        The real clock needs no such marks. One that jumps ahead must not jump meanwhile.
        """
        return _idle


_current = Clock()


def current_clock() -> Clock:
    """Return the clock for a client that is made now."""
    return _current


@contextmanager
def using_clock(clock: Clock) -> Iterator[None]:
    """Give *clock* to every client that is made in this process until the block is left."""
    global _current  # noqa: PLW0603 - of the process: a service may make its client in another thread
    before, _current = _current, clock
    try:
        yield
    finally:
        _current = before
