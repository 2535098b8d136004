"""When to poll next. Pure: the outcome of a poll goes in, seconds come out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from aiobench._watch.policy import PollPolicy

__all__ = ["LONGEST_HINT", "Schedule", "is_told"]

LONGEST_HINT = 3600.0
"""Seconds: a server that asks for more is asked again after an hour."""


class Schedule:
    """The waits between the polls of one job, or of one group of jobs."""

    __slots__ = ("_policy", "_random", "_wait")

    def __init__(self, policy: PollPolicy, random: random.Random) -> None:
        self._policy = policy
        self._random = random
        self._wait = policy.interval

    def next_wait(self, *, changed: bool, hint: float | None = None) -> float:
        """Draw the seconds until the next poll.

        Args:
            changed: Whether the last poll brought anything new; the first good one does.
            hint: The server's `Retry-After`, in seconds.
        """
        policy = self._policy
        if changed:
            self._wait = policy.interval
        else:
            self._wait = min(self._wait * policy.backoff, max(policy.max_interval, policy.interval))
        wait = max(self._wait, min(hint or 0.0, LONGEST_HINT))
        return wait * (1.0 + policy.jitter * self._random.random())


def is_told(times: int) -> bool:
    """Tell whether the log is told of what happened so many times: the 1st, the 10th, the 100th, …"""
    return times > 0 and times == 10 ** (len(str(times)) - 1)
