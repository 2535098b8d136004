"""When to poll next: the arithmetic of waits, and the queue of what is due. Times are passed in."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, TypeAlias, Union

from aiobench._http.retries import LONGEST_RETRY_AFTER

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from aiobench._watch.jobs import Group, WatchedJob
    from aiobench.policy import PollPolicy

__all__ = ["GAP", "SHORTEST", "DueQueue", "Unit", "Waits"]

SHORTEST = 0.01  # seconds: a policy of no waits must not turn a watch into a flood of requests
TICK = 0.05  # seconds between the moments at which a monitor wakes up, where its policy leaves the choice
GAP = 5.0  # seconds by which a sleep that lasts too long shows that this machine was suspended
PATIENCE = 0.1  # of its wait: how late a unit may be without any outage, and
LEAST_PATIENCE = 1.0  # seconds of it, for machines are busy

Unit: TypeAlias = Union["Group", "WatchedJob"]
"""What has a turn: a group, whose list is asked for, or a single job."""


class Waits:
    """A policy's arithmetic: the wait `after()` so many polls without a change, and the delay `drawn()` from it."""

    def __init__(self, policy: PollPolicy, random: random.Random) -> None:
        self.first = max(policy.interval, SHORTEST)
        self.longest = max(policy.max_interval, self.first)
        self._backoff = policy.backoff
        self._jitter = policy.jitter
        self._random = random
        self._last_growth = 0.0
        if policy.backoff > 1:
            growth = min(math.log(self.longest) - math.log(self.first), 690.0)  # a power of more than e^709 overflows
            self._last_growth = growth / math.log(policy.backoff)

    def after(self, quiet: float) -> float:
        """Return the wait after *quiet* polls in a row without a change."""
        if quiet >= self._last_growth:
            return self.longest if self._last_growth else self.first
        return min(self.first * math.pow(self._backoff, quiet), self.longest)

    def drawn(self, wait: float, hint: float | None = None) -> float:
        """Draw the seconds to sleep for a wait; a longer *hint*, the server's `Retry-After`, replaces it."""
        return _asked(wait, hint) * (1.0 + self._jitter * self._random.random())

    def due(self, now: float, wait: float, hint: float | None = None) -> float:
        """Draw when a wait that begins at *now* ends: on a tick if the jitter allows it.

        Polls that share a tick cost half the CPU of polls for which the process wakes up one by one: its caches stay
        warm, and the system wakes it once (`docs/performance.md`). A platform sees no difference in twentieths of a
        second.
        """
        least = now + _asked(wait, hint)
        most = least + self._jitter * (least - now)
        drawn = self._random.uniform(least, most)
        before = math.floor(drawn / TICK) * TICK
        return next((tick for tick in (before, before + TICK) if least <= tick <= most), drawn)

    def spread(self, wait: float) -> float:
        """Draw a delay up to the longest draw of *wait*, to spread what would otherwise all come at once."""
        return self._random.uniform(0.0, wait * (1.0 + self._jitter))


def _asked(wait: float, hint: float | None) -> float:
    return max(wait, min(hint or 0.0, LONGEST_RETRY_AFTER))


class DueQueue:
    """Units ordered by when they are due.

    Args:
        wait_of: Returns the seconds from one turn of a unit to the next.
        spread: Draws the seconds by which a unit with that wait is put off when polls were held up.
    """

    def __init__(self, wait_of: Callable[[Unit], float], spread: Callable[[float], float]) -> None:
        self._wait_of = wait_of
        self._spread = spread
        self._heap: list[tuple[float, int, Unit]] = []
        self._tickets = 0
        self._held_up_until = float("-inf")

    def put(self, unit: Unit, due: float) -> None:
        """Set when *unit* is due, replacing any earlier entry."""
        self._tickets += 1
        unit.ticket = self._tickets
        heapq.heappush(self._heap, (due, unit.ticket, unit))

    def remove(self, unit: Unit) -> None:
        unit.ticket = 0

    @property
    def next_due(self) -> float:
        """When the next unit is due; infinity for never."""
        while self._heap and self._heap[0][2].ticket != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def hold_up(self, until: float) -> None:
        """Record that polls are held up, by an outage, a pause or a suspended machine, with effects until *until*."""
        self._held_up_until = until

    def pop(self, now: float) -> Unit | None:
        """Take out the unit that is most overdue at *now*.

        When polls were held up, a unit that is late by more than a little was so as all others were. So that they do
        not all come at once, it gets a new time.
        """
        is_held_up = now < self._held_up_until
        while self.next_due <= now:
            due, _, unit = heapq.heappop(self._heap)
            unit.ticket = 0
            if is_held_up and not unit.is_new:
                wait = self._wait_of(unit)
                if now - due > max(PATIENCE * wait, LEAST_PATIENCE):
                    self.put(unit, now + self._spread(wait))
                    continue
            return unit
        return None
