"""Unique names, so that nothing is lost when two models or two scores have the same name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiobench._wire.coercion import entries, text
from aiobench._wire.documents import display_name
from aiobench.documents import Score

__all__ = ["MODEL", "NAMELESS", "Names", "named_iterations", "named_scores"]

NAMELESS = "unknown"
MODEL = "Model"  # the column with the models' names, which no metric may replace


class Names:
    """Hands out unique names."""

    def __init__(self, *taken: str) -> None:
        self._given = dict.fromkeys(taken, 1)  # and how often each was asked for, so that a thousand cost no search

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def unused(self, name: str) -> str:
        """Return *name*, or `NAME (2)`, `NAME (3)` and so on if it is taken."""
        candidate, number = name, self._given.get(name, 1)
        while candidate in self._given:
            number += 1
            candidate = f"{name} ({number})"
        self._given[name] = number
        self._given.setdefault(candidate, 1)
        return candidate


def named_iterations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each iteration with its model's name: its display name, or its id if it has none."""
    names = Names()
    for iteration in entries(document.get("iterations")):
        name = display_name(iteration) or text(iteration.get("pipeline")) or NAMELESS
        yield names.unused(name), iteration


def named_scores(scores: Iterable[Score]) -> Iterator[tuple[str, Score]]:
    """Yield each score of a model that names its metric, under a unique name other than `Model`."""
    names = Names(MODEL)
    for score in scores:
        if score.long_name is not None:
            yield names.unused(score.long_name), score
