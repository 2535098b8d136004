"""When to ask again: full jitter, and a budget that keeps an outage from being multiplied. No I/O, no clock.

Our own code because none of the well-kept libraries (stamina, tenacity, httpx-retries) shares a budget between
calls, takes the time from outside and lets the server's `Retry-After` end a call at once.
"""

from __future__ import annotations

import random
from collections import deque

__all__ = ["RetryBudget", "backoff"]

FIRST_DELAY, LONGEST_DELAY = 0.5, 8.0  # seconds


def backoff(attempt: int, random: random.Random) -> float:
    """Draw the seconds to wait after attempt number *attempt*, from 0 to a bound that doubles ("full jitter")."""
    doublings = min(attempt - 1, 10)  # more would only overflow in the end
    return random.uniform(0.0, min(LONGEST_DELAY, FIRST_DELAY * 2.0**doublings))


class RetryBudget:
    """Says whether a failed request may be tried again; shared by everything that uses one client.

    Retries are never stopped while at most half of the last 100 requests failed, and 10 a second always pass.
    """

    WINDOW, TOLERATED, ALWAYS = 100, 50, 10

    def __init__(self) -> None:
        self._failed: deque[bool] = deque(maxlen=self.WINDOW)
        self._failures = 0
        self._passed: deque[float] = deque(maxlen=self.ALWAYS)

    def record(self, *, failed: bool) -> None:
        if len(self._failed) == self.WINDOW:
            self._failures -= self._failed[0]
        self._failed.append(failed)
        self._failures += failed

    def allows(self, now: float) -> bool:
        """Tell whether a retry may be sent at *now* (monotonic seconds), and count it."""
        if self._failures <= self.TOLERATED:
            return True
        if len(self._passed) == self.ALWAYS and now - self._passed[0] < 1.0:
            return False
        self._passed.append(now)
        return True
