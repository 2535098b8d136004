"""The one retry rule and what it needs: the server's wishes, backoff and the client's retry budget.

Single calls, watches, monitors, starts and downloads decide by `retry_in()`. `docs/reference/retries.md` is the same
rule as a table. No I/O: the time and the random generator are passed in.
"""

from __future__ import annotations

import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from aiobench._errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    DownloadError,
    InvalidResponseError,
    NotFoundError,
)

__all__ = [
    "LONGEST_RETRY_AFTER",
    "FreshJobs",
    "Pauses",
    "RetryBudget",
    "asked_wait",
    "backoff",
    "is_retried",
    "is_retried_status",
    "retry_after",
    "retry_in",
    "was_surely_not_received",
]

LONGEST_RETRY_AFTER = 3600.0  # seconds: a longer `Retry-After` counts as an hour
FIRST_DELAY, LONGEST_DELAY = 0.5, 8.0  # seconds
UNHINTED_PAUSE = 1.0  # seconds of pause after a 429 without `Retry-After`
GRACE = 30.0  # seconds from the answer to a start during which a 404 for its job is asked again

RETRIED = frozenset({408, 409, 421, 423, 425, 429, 499})  # of the 4xx; every 5xx is retried
REFUSED_UNREAD = frozenset({421, 423, 425, 429})  # the server did nothing yet; a 409 to a POST is its answer


# -- the rule ----------------------------------------------------------------------------------------------------------


def retry_in(
    error: Exception,
    *,
    wait: float,
    attempt: int = 1,
    max_retries: float = float("inf"),
    longest: float = float("inf"),
    is_idempotent: bool = True,
    budget: Callable[[], bool] = lambda: True,
) -> float | None:
    """Decide whether and when to try again after a failed attempt.

    Args:
        error: How the attempt failed.
        wait: Seconds that the caller would wait by itself: its backoff, or its schedule.
        attempt: The number of the failed attempt, from 1.
        max_retries: How many attempts may follow the first.
        longest: The longest wait, in seconds, that the caller lets the server ask for.
        is_idempotent: Whether the server may receive the request twice without harm.
        budget: Whether the client has retries left; asked last.

    Returns:
        The seconds to wait before the next attempt, or None if *error* is final.
    """
    if not is_retried(error) or attempt > max_retries:
        return None
    if not is_idempotent and not was_surely_not_received(error):
        return None
    asked = asked_wait(error) or 0.0
    if asked > longest or not budget():
        return None
    return max(wait, min(asked, LONGEST_RETRY_AFTER))


def is_retried(error: Exception) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, APIStatusError):
        return is_retried_status(error.status_code)
    if isinstance(error, APIConnectionError | InvalidResponseError):
        return not error.permanent
    return isinstance(error, APIError | DownloadError)


def is_retried_status(status: int) -> bool:
    return status in RETRIED or status >= 500


def was_surely_not_received(error: Exception) -> bool:
    """Return whether the server surely did not act on the request, so that it can be sent again."""
    if isinstance(error, APIConnectionError):
        return not error.maybe_sent
    return isinstance(error, APIStatusError) and error.status_code in REFUSED_UNREAD


def asked_wait(error: Exception | None) -> float | None:
    """Return the seconds that the server asked to wait, if *error* is a reply that says so."""
    return error.retry_after if isinstance(error, APIStatusError) else None


def backoff(attempt: int, random: random.Random) -> float:
    """Draw the seconds to wait after attempt number *attempt*, from 0 to a bound that doubles ("full jitter")."""
    doublings = min(attempt - 1, 10)  # more would only overflow
    return random.uniform(0.0, min(LONGEST_DELAY, FIRST_DELAY * 2.0**doublings))


# -- what the server asks for ------------------------------------------------------------------------------------------

SECONDS = r"[0-9]{1,9}(\.[0-9]{1,9})?"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait; None if it does not say so, or not sensibly.

    `retry-after-ms`, in milliseconds, is more exact than `Retry-After` (RFC 9110, section 10.2.3), which holds seconds
    or a date. A date is compared with the reply's own `Date`, so that this machine's clock does not matter; one that
    has passed means 0.
    """
    milliseconds = headers.get("retry-after-ms")
    if milliseconds is not None and re.fullmatch(SECONDS, milliseconds.strip()):
        return float(milliseconds) / 1000.0
    value = headers.get("retry-after")
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(SECONDS, value):
        return float(value)
    asked = _timestamp(value)
    if asked is None:
        return None
    now = _timestamp(headers.get("date", ""))
    return max(0.0, asked - (time.time() if now is None else now))


def _timestamp(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None


class Pauses:
    """The pauses that servers asked for, by origin, in monotonic seconds. A 429 pauses the whole client."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def extend(self, origin: str, seconds: float | None, now: float) -> None:
        pause = min(UNHINTED_PAUSE if seconds is None else seconds, LONGEST_RETRY_AFTER)
        self._until[origin] = max(self._until.get(origin, now), now + pause)

    def remaining(self, origin: str, now: float) -> float:
        """Return the seconds left, 0 if there is no pause."""
        until = self._until.get(origin)
        if until is None:
            return 0.0
        if until <= now:
            del self._until[origin]
            return 0.0
        return until - now


# -- how often the client may ------------------------------------------------------------------------------------------


class RetryBudget:
    """Limits how many failed requests are retried; shared by everything that uses one client.

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
        """Return whether a retry may be sent at *now* (monotonic seconds), and count it."""
        if self._failures <= self.TOLERATED:
            return True
        if len(self._passed) == self.ALWAYS and now - self._passed[0] < 1.0:
            return False
        self._passed.append(now)
        return True


# -- jobs that the platform may not know everywhere yet ----------------------------------------------------------------


class FreshJobs:
    """Jobs that were just started, by URL, for which a 404 may still pass.

    Attributes:
        has_any: Whether any job was started recently. An attribute, since it is read for every reply.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self.has_any: bool = False

    def note(self, url: str, now: float) -> None:
        """Record that a job was started."""
        self._until = {each: until for each, until in self._until.items() if until > now}
        self._until[url] = now + GRACE
        self.has_any = True

    def may_appear(self, url: str, now: float, error: Exception | None) -> bool:
        """Return whether *error*, or None for a good reply, is a 404 that may pass.

        Any other reply shows that the platform knows the job: from then on, a 404 is an answer.
        """
        if isinstance(error, NotFoundError):
            return self._until.get(url, now) > now
        self._until.pop(url, None)
        self.has_any = bool(self._until)
        return False
