"""Time for tests: waits between attempts pass at once, and are written down."""

from __future__ import annotations

from time import monotonic

import anyio.lowlevel

from aiobench import Client


class FastClock:
    """A monotonic clock that is moved on by those who sleep on it."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._ahead = 0.0

    def now(self) -> float:
        return monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.now() + seconds
        await anyio.lowlevel.checkpoint()
        self._ahead += max(0.0, until - self.now())  # who slept beside us may have moved it on already

    def drive(self, client: Client) -> None:
        """Make *client* and its views wait on this clock."""
        session = client._context.platform.session
        session.now, session.sleep = self.now, self.sleep
