"""How long one step holds the event loop: the longest callback, by the clock and by this thread's CPU.

The clock counts what other processes and threads take meanwhile; the CPU does not, so it is the figure to trust on a
busy machine. Python's garbage collector strikes in any step and looks at everything the process ever imported, so
steps are counted without it, and its longest run apart.
"""

from __future__ import annotations

import asyncio
import gc
import time
from asyncio import events
from typing import Any, Self

__all__ = ["Held"]


class Held:
    """Watches every callback of asyncio's own loop while it is entered; milliseconds."""

    def __init__(self) -> None:
        self.longest = self.longest_cpu = self.collector = 0.0
        self._collected = 0.0  # in the present step

    def __enter__(self) -> Self:
        gc.callbacks.append(self._on_collection)
        self._run = run = events.Handle._run  # noqa: SLF001 - asyncio offers no other place to stand

        def timed(handle: Any) -> None:
            self._collected = 0.0
            cpu, clock = time.thread_time(), time.perf_counter()
            run(handle)
            elapsed = 1e3 * (time.perf_counter() - clock)
            if elapsed > self.longest_cpu:  # reading the CPU's clock is a system call
                self.longest_cpu = max(self.longest_cpu, 1e3 * (time.thread_time() - cpu) - self._collected)
            self.longest = max(self.longest, elapsed)

        events.Handle._run = timed  # type: ignore[method-assign]  # noqa: SLF001
        return self

    def __exit__(self, *_: object) -> None:
        events.Handle._run = self._run  # type: ignore[method-assign]  # noqa: SLF001
        gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.thread_time()
        else:
            taken = 1e3 * (time.thread_time() - self._collecting_since)
            self._collected += taken
            self.collector = max(self.collector, taken)


class Heartbeat:
    """Asks to be woken every millisecond, and notes how late that happens at worst; milliseconds.

    By the clock this counts what other processes took as well, so `own` counts no more of each delay than the CPU that
    this process used meanwhile, in all its threads.
    """

    def __init__(self) -> None:
        self.latest = self.own = 0.0
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_over = True
        await self._task  # its last beat sees what held the loop until now

    async def _beat(self) -> None:
        while not self._is_over:
            cpu, clock = time.process_time(), time.perf_counter()
            await asyncio.sleep(0.001)
            late = 1e3 * (time.perf_counter() - clock) - 1.0
            self.latest = max(self.latest, late)
            self.own = max(self.own, min(late, 1e3 * (time.process_time() - cpu)))
