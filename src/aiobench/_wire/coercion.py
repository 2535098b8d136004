"""Reads values of an open document as the expected type; a wrong type counts as null."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

__all__ = ["boolean", "count", "entries", "mapping", "moment", "number", "text"]

NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE | re.ASCII)
LONGEST_NUMBER = 400  # characters: the longest that a float needs is 326, and Python refuses integers over 4,300
MILLISECONDS = 1e11  # as seconds, that would be the year 5138


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: object) -> float | None:
    """Read a finite number; one sent as a string, such as `"8000"`, counts, and `true` and `false` do not."""
    if isinstance(value, str):
        if len(value) > LONGEST_NUMBER or not NUMBER.fullmatch(value):
            return None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """Read a whole number that is not negative."""
    as_number = number(value)
    return int(as_number) if as_number is not None and as_number >= 0 and as_number.is_integer() else None


def mapping(value: object) -> Mapping[str, Any]:
    """Read a JSON object; anything else is an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def entries(value: object) -> Iterator[Mapping[str, Any]]:
    """Read the objects of a JSON array; anything else in it, or instead of it, is passed over."""
    if isinstance(value, list):
        for entry in value:
            if isinstance(entry, Mapping):
                yield cast("Mapping[str, Any]", entry)


def moment(value: object) -> datetime | None:
    """Read a time in UTC: ISO 8601, UTC where it names no zone, or seconds or milliseconds since 1970."""
    seconds = number(value)
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds / 1000 if abs(seconds) >= MILLISECONDS else seconds, UTC)
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        if parsed is None:
            return None
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):  # the year 0, or 100,000
        return None
