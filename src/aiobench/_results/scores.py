"""Scores of each model on each metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aiobench._results.names import MODEL, Names, named_iterations
from aiobench._wire.coercion import entries, number, text
from aiobench.documents import ScoreDetail, ScoreRow

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["score_details", "score_rows"]


def score_details(document: Mapping[str, Any]) -> dict[str, ScoreDetail]:
    """Read each model's run. Raw scores are parts of *document*, so the caller must own it."""
    return {
        name: ScoreDetail(
            creditsUsed=_rounded(iteration.get("credits"), 5),
            timeSpent=_rounded(iteration.get("runtime"), 2),
            status=text(iteration.get("status")),
            rawScores=_raw_scores(iteration),
        )
        for name, iteration in named_iterations(document)
    }


def score_rows(document: Mapping[str, Any]) -> list[ScoreRow]:
    return [_row(name, iteration) for name, iteration in named_iterations(document)]


def _row(model: str, iteration: Mapping[str, Any]) -> ScoreRow:
    row: ScoreRow = {MODEL: model}
    names = Names(MODEL)
    for score in entries(iteration.get("scores")):
        if (long_name := text(score.get("longName"))) is not None:
            row[names.unused(long_name)] = _as_number(score.get("average"))
    return row


def _as_number(value: object) -> float | None:
    """Read a number and keep a whole one whole, as the document writes it."""
    usable = number(value)
    return cast("float", value) if usable is not None and not isinstance(value, str) else usable


def _rounded(value: object, digits: int) -> float | None:
    usable = _as_number(value)
    return None if usable is None else round(usable, digits)


def _raw_scores(iteration: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    scores = iteration.get("scores")
    return cast("list[dict[str, Any]]", scores) if isinstance(scores, list) else None
