"""A server that answers 429 is left alone by the whole client, not only by the call that was told."""

from __future__ import annotations

from aiobench._http.retry_after import LONGEST_RETRY_AFTER

__all__ = ["Pauses"]

UNHINTED_PAUSE = 1.0  # seconds of pause after a 429 that does not say how long


class Pauses:
    """Until when each origin is to be left alone, in monotonic seconds."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def extend(self, origin: str, seconds: float | None, now: float) -> None:
        pause = min(UNHINTED_PAUSE if seconds is None else seconds, LONGEST_RETRY_AFTER)
        self._until[origin] = max(self._until.get(origin, now), now + pause)

    def remaining(self, origin: str, now: float) -> float:
        """Return the seconds left, 0 where there is no pause."""
        until = self._until.get(origin)
        if until is None:
            return 0.0
        if until <= now:
            del self._until[origin]
            return 0.0
        return until - now
