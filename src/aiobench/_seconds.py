"""Durations as users pass them."""

from __future__ import annotations

from aiobench._errors import ConfigurationError

__all__ = ["checked_seconds"]


def checked_seconds(value: float | None, what: str) -> float | None:
    """Return *value* if it is None or a non-negative number of seconds.

    Raises:
        ConfigurationError: If it is anything else, `nan` included.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ConfigurationError(f"{what}= must be None or a number of seconds, 0 or more, not {value!r}")
    return value
