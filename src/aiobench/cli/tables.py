"""Results as tables for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobench import Iteration, JobSnapshot, Score

__all__ = ["explanation_table", "failure_table", "figure", "model_name", "plain_table", "score_table"]


def plain_table(*columns: str, title: str = "", caption: str = "") -> Table:
    """Make a table whose first column names what the others count.

    Args:
        *columns: The headings.
        title: What it shows.
        caption: How to read it.

    Returns:
        The table, without rows.
    """
    table = Table(
        title=title or None,
        caption=caption or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
        header_style="",
        pad_edge=False,
        show_edge=False,
    )
    first, *others = columns
    table.add_column(first, no_wrap=True)
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def model_name(iteration: Iteration) -> str:
    """Name a model as its benchmark does."""
    return iteration.display_name or iteration.model_id or "unnamed"


def figure(value: float | None, form: str) -> str:
    """Write a figure; what is not known is a dash."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def score_table(snapshot: JobSnapshot) -> Table:
    """Show the average of each metric for each model, the best of each in bold."""
    scores = _scores(snapshot)
    lower = [_short(score) for score in scores.values() if score.lower_is_better]
    table = plain_table(
        "Model",
        *(_short(score) for score in scores.values()),
        title="Scores, averages over the segments",
        caption=f"Lower is better for {' and '.join(lower)}, higher for the others." if lower else "",
    )
    rows = snapshot.score_rows()
    best = {name: _best([row.get(name) for row in rows], score) for name, score in scores.items()}
    for row in rows:
        figures = [
            Text(_scored(row.get(name), score), style="bold green" if row.get(name) == best[name] else "")
            for name, score in scores.items()
        ]
        table.add_row(str(row["Model"]), *figures)
    return table


def failure_table(snapshot: JobSnapshot) -> Table:
    """Show how many segments each model failed on."""
    table = plain_table(
        "Model",
        "Failure rate",
        "Failed",
        "Segments",
        title="Failure rates",
        caption="Failed segments have no scores, so read both tables.",
    )
    rates = snapshot.failure_rates()
    for (name, rate), iteration in zip(rates.items(), snapshot.iterations, strict=False):
        table.add_row(
            name,
            Text(figure(rate, ".1f") + " %", style="red" if rate > 0 else ""),
            figure(iteration.failed_segments, ".0f"),
            figure(iteration.total_segments, ".0f"),
        )
    return table


def explanation_table(snapshot: JobSnapshot, score_id: str) -> Table:
    """Show how a score goes with the length of the source.

    Args:
        snapshot: A job of the embedded platform, whose explanations have this shape.
        score_id: Which score.

    Returns:
        A row a model, a column for each range of lengths.
    """
    explanation: Mapping[str, Any] = snapshot.localized_explanations(metric_dependant=True)[score_id]
    rows: list[Mapping[str, Any]] = explanation["length"]
    lengths = list(dict.fromkeys(length for row in rows for length in row["averages"]))
    table = plain_table(
        "Model",
        *lengths,
        "Correlation",
        title=f"One explanation: {explanation['longName']}, by words in the source",
        caption="A dash: nothing of that length was translated.",
    )
    for row in rows:
        averages = [figure(row["averages"].get(length), ".1f") for length in lengths]
        table.add_row(row["model"], *averages, figure(row["correlation"], "+.2f"))
    return table


def _scores(snapshot: JobSnapshot) -> dict[str, Score]:
    return {
        score.long_name: score
        for iteration in snapshot.iterations
        for score in iteration.scores or ()
        if score.long_name is not None
    }


def _short(score: Score) -> str:
    return score.name or score.long_name or ""


def _scored(value: object, score: Score) -> str:
    return figure(value, ".1f" if score.unit == "%" else ".3f") if isinstance(value, int | float) else "-"


def _best(values: list[Any], score: Score) -> float | None:
    known = [value for value in values if isinstance(value, int | float) and not math.isnan(value)]
    return (min if score.lower_is_better else max)(known, default=None)
