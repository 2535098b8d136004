"""When to poll next. Pure: the outcome of a poll goes in, seconds come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from aiobench._watch.policy import PollPolicy

__all__ = ["LONGEST_HINT", "Waits", "is_told"]

LONGEST_HINT = 3600.0
"""Seconds: a server that asks for more is asked again after an hour."""


class Waits:
    """The arithmetic of a policy.

    A wait starts at `first`, is `grown()` after each poll that changed nothing, and returns to `first` on a change;
    what is slept is `drawn()` from it.
    """

    def __init__(self, policy: PollPolicy, random: random.Random) -> None:
        self.first = policy.interval
        self.longest = max(policy.max_interval, policy.interval)
        self.backoff = policy.backoff
        self._jitter = policy.jitter
        self._random = random

    def grown(self, wait: float) -> float:
        """Return the wait after *wait* when nothing changed."""
        return min(wait * self.backoff, self.longest)

    def drawn(self, wait: float, hint: float | None = None) -> float:
        """Draw the seconds to sleep for a wait; a longer *hint*, the server's `Retry-After`, replaces it."""
        wait = max(wait, min(hint or 0.0, LONGEST_HINT))
        return wait * (1.0 + self._jitter * self._random.random())

    def spread(self, wait: float) -> float:
        """Draw a delay, up to the longest that *wait* can be drawn to, that spreads what would all come at once."""
        return self._random.uniform(0.0, wait * (1.0 + self._jitter))


def is_told(times: int) -> bool:
    """Tell whether the log is told of what happened so many times: the 1st, the 10th, the 100th and so on."""
    return times > 0 and times == 10 ** (len(str(times)) - 1)
