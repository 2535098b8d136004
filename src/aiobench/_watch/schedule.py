"""When to poll next. Pure: the outcome of a poll goes in, seconds come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench._http.retries import LONGEST_RETRY_AFTER

if TYPE_CHECKING:
    import random

    from aiobench.policy import PollPolicy

__all__ = ["GAP", "Waits"]

GAP = 5.0  # seconds by which a sleep that lasts too long shows that this machine was suspended


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
        wait = max(wait, min(hint or 0.0, LONGEST_RETRY_AFTER))
        return wait * (1.0 + self._jitter * self._random.random())

    def spread(self, wait: float) -> float:
        """Draw a delay, up to the longest that *wait* can be drawn to, that spreads what would all come at once."""
        return self._random.uniform(0.0, wait * (1.0 + self._jitter))
