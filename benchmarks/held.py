"""How long one step holds the event loop: the longest callback, by the clock and by this thread's CPU.

The clock includes time that other processes and threads take; CPU time does not, so trust it on a busy machine.
Python's garbage collector can run in any step and looks at everything the process ever imported, so steps are measured
without it, and its longest run separately.
"""

from __future__ import annotations

import asyncio
import gc
import time
from asyncio import events
from typing import Any, Self

__all__ = ["Held"]


class Held:
    """Measures every callback of asyncio's event loop while it is entered, in milliseconds."""

    def __init__(self) -> None:
        self.longest = self.longest_cpu = self.collector = 0.0
        self._collected = 0.0  # in the current step

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
    """Sleeps for a millisecond at a time and records the longest delay, in milliseconds.

    The clock includes time that other processes took, so `own` counts of each delay at most the CPU time that all
    threads of this process used meanwhile.
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
        await self._task  # its last beat measures what held the loop until now

    async def _beat(self) -> None:
        while not self._is_over:
            cpu, clock = time.process_time(), time.perf_counter()
            await asyncio.sleep(0.001)
            late = 1e3 * (time.perf_counter() - clock) - 1.0
            self.latest = max(self.latest, late)
            self.own = max(self.own, min(late, 1e3 * (time.process_time() - cpu)))
