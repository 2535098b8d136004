"""Names told apart, so that nothing is lost when two things are called the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiobench._wire.coercion import entries, text
from aiobench._wire.documents import display_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["NAMELESS", "Names", "named_iterations"]

NAMELESS = "unknown"


class Names:
    """Names given so far; each is given once."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}  # and how often each was asked for, so that a thousand alike cost no search

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def unused(self, name: str) -> str:
        """Return *name*, or `NAME (2)`, `NAME (3)` and so on where it is taken."""
        candidate, number = name, self._given.get(name, 1)
        while candidate in self._given:
            number += 1
            candidate = f"{name} ({number})"
        self._given[name] = number
        self._given.setdefault(candidate, 1)
        return candidate


def named_iterations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each iteration with its model's name: the display name if it has one, else the model id."""
    names = Names()
    for iteration in entries(document.get("iterations")):
        name = display_name(iteration) or text(iteration.get("pipeline")) or NAMELESS
        yield names.unused(name), iteration
