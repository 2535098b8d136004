"""Names told apart, so that nothing is lost when two things are called the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiobench._wire.coercion import entries, text
from aiobench._wire.documents import display_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["named_iterations", "unused_name"]

NAMELESS = "unknown"


def unused_name(name: str, taken: Collection[str]) -> str:
    """Return *name*, or `NAME (2)`, `NAME (3)` and so on where it is taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def named_iterations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each iteration with its model's name: the display name if it has one, else the model id."""
    taken: set[str] = set()
    for iteration in entries(document.get("iterations")):
        name = display_name(iteration) or text(iteration.get("pipeline")) or NAMELESS
        name = unused_name(name, taken)
        taken.add(name)
        yield name, iteration
