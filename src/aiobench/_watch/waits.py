"""When to poll next: a pure function of the polls so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aiobench._http.retries import LONGEST_RETRY_AFTER

if TYPE_CHECKING:
    import random

    from aiobench.policy import PollPolicy

__all__ = ["GAP", "SHORTEST", "Waits"]

SHORTEST = 0.01  # seconds: a policy of no waits must not turn a watch into a flood of requests
TICK = 0.05  # seconds between the moments at which a monitor wakes up, where its policy leaves the choice
GAP = 5.0  # seconds by which a sleep that lasts too long shows that this machine was suspended


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
