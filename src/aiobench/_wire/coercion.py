"""A value of an open document as the type we read it as, or None: a wrong type counts as null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

__all__ = ["boolean", "count", "entries", "mapping", "moment", "number", "text"]


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: object) -> float | None:
    """Read a finite JSON number; `true` and `false` are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


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
    """Read an ISO 8601 time; one without a zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
