"""What is due when: a heap of times. It has no clock; times are passed in."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, TypeAlias, Union

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiobench._watch.jobs import Group, WatchedJob

__all__ = ["DueQueue", "Unit"]

Unit: TypeAlias = Union["Group", "WatchedJob"]
"""What has a turn: a group, whose list is asked for, or a single job."""

PATIENCE = 0.1  # of its wait: how late a unit may be without any outage, and
LEAST_PATIENCE = 1.0  # seconds of it, for machines are busy


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
