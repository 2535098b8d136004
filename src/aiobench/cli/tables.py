"""Results as tables for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from aiobench.cli.exits import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from rich.console import Console, JustifyMethod, RenderableType

    from aiobench import Iteration, JobSnapshot, Score

__all__ = [
    "explanation_table",
    "failure_table",
    "figure",
    "fits",
    "fitted",
    "frame_table",
    "model_name",
    "models_done",
    "plain_table",
    "score_table",
    "show_table",
    "status_text",
    "words",
]

NAMES = frozenset({"Model", "Name", "Benchmark"})  # columns that give way where there is no room
WORDS = frozenset({"Status", "Outcome"})
WRAPPED = frozenset({"Outcome"})
SHORTEST = 6  # of a name that is cut
SHORTEST_FIRST = 12  # of one that tells rows apart
LONGEST_TEXT = 200  # of a segment, in a table
GAP = 2  # between two columns
SUCCEEDED = frozenset({"completed", "success", "succeeded"})
STYLES = {**dict.fromkeys(SUCCEEDED, "green"), "failed": "red", "in_progress": "cyan"}


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
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        is_text = column in NAMES or column in WORDS or column == columns[0]
        _add(table, column, justify="left" if is_text else "right", may_be_cut=column in NAMES)
    return table


def _add(table: Table, heading: str, *, justify: JustifyMethod, may_be_cut: bool) -> None:
    table.add_column(heading, justify=justify, no_wrap=True, overflow="ellipsis" if may_be_cut else "crop")


def show_table(console: Console, table: Table) -> None:
    """Print a table; where it is too wide, names are shortened, and then each row takes several lines.

    Ids and figures are never cut, so that they can be copied and believed.
    """
    console.print(fitted(console, table))


def fitted(console: Console, table: Table) -> RenderableType:
    """Return a table as it fits the console; see `show_table`."""
    title, table.title = table.title, None  # rich would break them to the width of the table
    caption, table.caption = table.caption, None
    body = [table] if fits(console, table) else _stacked(table)
    above = [Text(str(title), style="bold")] if title else []
    below = [Text(str(caption), style="dim")] if caption else []
    return Group(*above, *body, *below)


def fits(console: Console, table: Table) -> bool:
    """Make a table fit by shortening names and wrapping outcomes; return whether it does."""
    widths = [max(map(_width, (column.header, *column.cells))) for column in table.columns]
    excess = sum(widths) + GAP * (len(widths) - 1) - console.width
    if excess <= 0:
        return True
    flexible = {index: column for index, column in enumerate(table.columns) if column.overflow == "ellipsis"}
    flexible |= {index: column for index, column in enumerate(table.columns) if column.header in WRAPPED}
    if sum(max(0, widths[index] - (SHORTEST if index else SHORTEST_FIRST)) for index in flexible) < excess:
        return False
    while excess > 0:  # the widest first
        widest = max(flexible, key=widths.__getitem__)
        widths[widest] -= 1
        excess -= 1
    for index, column in flexible.items():
        column.width = widths[index]
        if column.header in WRAPPED:
            column.no_wrap, column.overflow = False, "fold"
        elif console.options.ascii_only:
            column.overflow = "crop"
    return True


def _stacked(table: Table) -> list[Text]:
    first, *others = ([str(column.header), *column.cells] for column in table.columns)
    lines: list[Text] = []
    for index, cell in enumerate(first[1:], 1):
        facts = [Text.assemble(f"{column[0]} ", _as_text(column[index])) for column in others if str(column[index])]
        lines += [_as_text(cell), *([Text("  ") + Text(", ").join(facts)] if facts else [])]
    for line in lines:
        line.overflow = "fold"
    return lines


def _as_text(cell: RenderableType) -> Text:
    return cell.copy() if isinstance(cell, Text) else Text(str(cell))


def _width(cell: RenderableType) -> int:
    return cell_len(str(cell))


def model_name(iteration: Iteration) -> str:
    """Name a model as its benchmark does."""
    return printable(iteration.display_name or iteration.model_id or "unnamed")


def models_done(snapshot: JobSnapshot) -> str:
    """Say how many models have succeeded, and how many there are."""
    succeeded = sum((iteration.status or "").lower() in SUCCEEDED for iteration in snapshot.iterations)
    return f"{succeeded}/{len(snapshot.iterations)}"


def figure(value: float | None, form: str) -> str:
    """Write a figure; what is not known is a dash."""
    return "-" if value is None or math.isnan(value) else format(value, form)


def score_table(snapshot: JobSnapshot) -> Table:
    """Show the average of each metric for each model.

    The best of each is bold, unless a model failed on segments: its average leaves them out, so the averages are of
    different segments, and the highest need not be the best.
    """
    scores = _scores(snapshot)
    failed = [iteration for iteration in snapshot.iterations if iteration.failed_segments]
    table = plain_table(
        "Model",
        *(printable(_short(score)) for score in scores.values()),
        title="Scores, averages over the segments",
        caption=_how_to_read(scores, any_failed=bool(failed)),
    )
    rows = snapshot.score_rows()
    best = {name: _best([row.get(name) for row in rows], score) for name, score in scores.items()} if not failed else {}
    for row, iteration in zip(rows, snapshot.iterations, strict=True):
        figures = [
            Text(_scored(row.get(name), score), style="bold green" if name in best and row[name] == best[name] else "")
            for name, score in scores.items()
        ]
        mark = f" {_dagger()}" if iteration in failed else ""
        table.add_row(printable(f"{row['Model']}{mark}"), *figures)
    return table


def _dagger() -> str:
    """Return the mark of a model whose averages leave segments out, as the terminal can show it."""
    dagger = "\N{DAGGER}"
    return dagger if printable(dagger) == dagger else "*"


def _how_to_read(scores: Mapping[str, Score], *, any_failed: bool) -> str:
    if not scores:
        return "There are no scores."
    lower = [printable(_short(score)) for score in scores.values() if score.lower_is_better]
    lines = [f"Lower is better for {' and '.join(lower)}, higher for the others."] if lower else []
    if any_failed:
        lines.append(
            f"{_dagger()} failed on some segments. Its averages leave them out, so do not compare them as they are."
        )
    return "\n".join(lines)


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
            printable(name),
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


def words(status: str) -> str:
    """Write a status for people."""
    return printable(status).replace("_", " ")


def status_text(status: str | None) -> Text:
    """Show a status in its colour."""
    return Text(words(status or "unknown"), style=STYLES.get((status or "").lower(), "dim"))


def frame_table(frame: pd.DataFrame) -> Table:
    """Show a frame; texts give way to figures where the terminal is narrow."""
    table = plain_table()
    for column in frame.columns:
        kind = frame[column].dtype.kind
        is_figure = kind in "iuf"
        heading = printable(str(column))
        _add(table, heading, justify="right" if is_figure else "left", may_be_cut=not is_figure and kind != "b")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    return table


def _cell(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN and NA of any kind
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else printable(str(value)[:LONGEST_TEXT])
