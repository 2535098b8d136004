"""A report's content: sentences, tables and pictures, before any HTML."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from attrs import field, frozen

from aiobench._results import lazy_pandas as pd
from aiobench._version import __version__
from aiobench.analysis import AnalysisError, compare, compare_all, leaderboard, worst_segments
from aiobench.report.pictures import Picture, pictures_of
from aiobench.snapshot import JobSnapshot

__all__ = ["Contents", "Table", "contents_of"]

MOST_ROWS = 100  # of a table
MOST_METRICS = 12
MOST_WORST = 10
LONGEST_TEXT = 600  # characters of a segment
LONGEST_EXPLANATION = 20_000
NO_SEGMENTS = (
    "The averages below leave out failed segments and say nothing about chance: without the results of each segment, "
    "no model can be called better."
)
LIBRARIES = ("pandas", "scipy", "statsmodels")


@frozen
class Table:
    """A table of texts.

    Attributes:
        caption: What it shows.
        head: The headings.
        rows: The cells; the first of each row names it.
        figures: The columns of figures, by their place.
        note: How to read it, or what was left out.
        marked: The rows that stand out, by their place.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[int] = frozenset()
    note: str = ""
    marked: frozenset[int] = frozenset()


@frozen
class Contents:
    """Everything that the page shows, in order."""

    title: str
    verdicts: tuple[str, ...]
    scores: tuple[Table, ...]
    pictures: tuple[Picture, ...]
    comparisons: tuple[Table, ...]
    worst: tuple[Table, ...]
    failures: tuple[Table, ...]
    explanations: tuple[tuple[str, str], ...]
    provenance: tuple[Table, ...]
    methods: tuple[str, ...] = field(factory=tuple)


def contents_of(
    snapshots: Sequence[JobSnapshot], segments: pd.DataFrame | None, *, baseline: str | None, title: str | None
) -> Contents:
    """Gather a report's content."""
    names = [snapshot.benchmark_name for snapshot in snapshots if snapshot.benchmark_name]
    heading = title or " and ".join(dict.fromkeys(names)) or "Benchmark report"
    if segments is None:
        return Contents(
            title=heading,
            verdicts=(NO_SEGMENTS,),
            scores=_averages(snapshots),
            pictures=(),
            comparisons=(),
            worst=(),
            failures=_failures(snapshots),
            explanations=_explanations(snapshots),
            provenance=_provenance(snapshots),
        )
    board = leaderboard(segments)
    metrics = [str(metric) for metric in dict.fromkeys(board["metric"])]
    shown = metrics[:MOST_METRICS]
    is_several = len(set(board["Model"])) > 1
    pairs = compare_all(segments, baseline=baseline) if is_several else None
    return Contents(
        title=heading,
        verdicts=tuple(_verdict(segments, board, metric, baseline) for metric in shown),
        scores=tuple(_standings(board, metric) for metric in shown),
        pictures=pictures_of(segments, board, pairs, shown),
        comparisons=() if pairs is None else tuple(_pairs(pairs, metric, baseline) for metric in shown),
        worst=_worst(segments, board, shown[0], baseline) if is_several else (),
        failures=_failures(snapshots) or _failed_rows(segments),
        explanations=_explanations(snapshots),
        provenance=_provenance(snapshots),
        methods=() if pairs is None else tuple(dict.fromkeys(map(str, pairs["method"]))),
    )


def _verdict(segments: pd.DataFrame, board: pd.DataFrame, metric: str, baseline: str | None) -> str:
    """Say in a sentence which model is better: than the baseline, or than the next."""
    ranked = [str(row["Model"]) for row in board.to_dict("records") if row["metric"] == metric and row["n"] > 0]
    if len(ranked) < 2:
        return f"{ranked[0]} is the only model with a score for {metric}." if ranked else f"No model has a {metric}."
    if baseline in ranked:
        first, second = next(model for model in ranked if model != baseline), str(baseline)
    else:
        first, second = ranked[0], ranked[1]
    try:
        return compare(segments, first, second, metric=metric).sentence
    except AnalysisError as error:
        return f"{first} and {second} cannot be compared on {metric}: {error}."


def _standings(board: pd.DataFrame, metric: str) -> Table:
    rows = [row for row in board.to_dict("records") if row["metric"] == metric]
    return Table(
        caption=metric,
        head=("Model", "Mean", "95% interval", "Segments", "Failed", "Rank"),
        rows=tuple(
            (
                str(row["Model"]),
                _number(row["mean"]),
                f"{_number(row['low'])} to {_number(row['high'])}" if row["n"] else "",
                f"{row['n']:,}",
                f"{row['failed']:,}",
                _rank(row["rank_low"], row["rank_high"]),
            )
            for row in rows[:MOST_ROWS]
        ),
        figures=frozenset({1, 2, 3, 4, 5}),
        note="Means of the segments that every model has a score for. Models in bold cannot be told apart from the "
        f"first.{_remainder(len(rows))}",
        marked=frozenset(place for place, row in enumerate(rows) if row["best"]),
    )


def _pairs(pairs: pd.DataFrame, metric: str, baseline: str | None) -> Table:
    rows = [row for row in pairs.to_dict("records") if row["metric"] == metric]
    against = f", every model against {baseline}" if baseline is not None else ""
    return Table(
        caption=f"{metric}{against}",
        head=("A", "B", "A \N{MINUS SIGN} B", "95% interval", "p", "Pairs", "Only one has a score", "Better"),
        rows=tuple(
            (
                str(row["a"]),
                str(row["b"]),
                _number(row["difference"]),
                f"{_number(row['low'])} to {_number(row['high'])}",
                _number(row["p_adjusted"]),
                f"{row['n']:,}",
                f"{row['only_a'] + row['only_b']:,}",
                {"a": str(row["a"]), "b": str(row["b"])}.get(row["verdict"], "undecided"),
            )
            for row in rows[:MOST_ROWS]
        ),
        figures=frozenset({2, 3, 4, 5, 6}),
        note=f"p is corrected for the number of comparisons (Holm).{_remainder(len(rows))}",
    )


def _worst(segments: pd.DataFrame, board: pd.DataFrame, metric: str, baseline: str | None) -> tuple[Table, ...]:
    """Show where the leader lost most against its rival, and the other way round."""
    ranked = [str(row["Model"]) for row in board.to_dict("records") if row["metric"] == metric and row["n"] > 0]
    first = ranked[0]
    rival = baseline if baseline in ranked and baseline != first else next(m for m in ranked if m != first)
    tables = []
    for model, versus in ((first, rival), (rival, first)):
        frame = worst_segments(segments, metric=metric, model=model, versus=versus, n=MOST_WORST)
        texts = [name for name in ("source", "reference", "hypothesis", f"hypothesis ({versus})") if name in frame]
        heads = {"hypothesis": model, f"hypothesis ({versus})": versus, "source": "Source", "reference": "Reference"}
        names = frame.get("segment_id", frame.index)
        tables.append(
            Table(
                caption=f"Where {model} lost most against {versus} on {metric}",
                head=("Segment", *(heads[name] for name in texts), "Difference"),
                rows=tuple(
                    (str(name), *(_text(row[text]) for text in texts), _number(row["difference"]))
                    for name, row in zip(names, frame.to_dict("records"), strict=True)
                ),
                figures=frozenset({len(texts) + 1}),
                note=f"At most {MOST_WORST} segments that both have a score for.",
            )
        )
    return tuple(tables)


def _averages(snapshots: Sequence[JobSnapshot]) -> tuple[Table, ...]:
    tables = []
    for snapshot in snapshots:
        rows = snapshot.score_rows()
        metrics = [metric.long_name for metric in snapshot.metrics]
        tables.append(
            Table(
                caption=f"Averages of job {snapshot.id}",
                head=("Model", *metrics),
                rows=tuple(
                    (str(row["Model"]), *(_number(row.get(metric)) for metric in metrics)) for row in rows[:MOST_ROWS]
                ),
                figures=frozenset(range(1, len(metrics) + 1)),
                note=f"Each model's own segments.{_remainder(len(rows))}",
            )
        )
    return tuple(tables)


def _failures(snapshots: Sequence[JobSnapshot]) -> tuple[Table, ...]:
    return tuple(
        Table(
            caption=f"Failed segments of job {snapshot.id}",
            head=("Model", "Failed, percent"),
            rows=tuple((name, _number(rate)) for name, rate in list(snapshot.failure_rates().items())[:MOST_ROWS]),
            figures=frozenset({1}),
            note=_remainder(len(snapshot.failure_rates())).strip(),
        )
        for snapshot in snapshots
    )


def _failed_rows(segments: pd.DataFrame) -> tuple[Table, ...]:
    if "Model_success" not in segments.columns:
        return ()
    failed = segments["Model_success"].isin([False, "False", "false"]).groupby(segments["Model"], sort=False)
    rates = [(str(model), _number(100 * float(rate))) for model, rate in failed.mean().items()]
    return (Table("Failed segments", ("Model", "Failed, percent"), tuple(rates[:MOST_ROWS]), frozenset({1})),)


def _explanations(snapshots: Sequence[JobSnapshot]) -> tuple[tuple[str, str], ...]:
    found = []
    for snapshot in snapshots:
        explanation = snapshot.raw.get("explanation")
        if explanation:
            text = json.dumps(explanation, indent=2, ensure_ascii=False, default=str)
            more = len(text) - LONGEST_EXPLANATION
            cut = f"{text[:LONGEST_EXPLANATION]}\n\N{HORIZONTAL ELLIPSIS} and {more:,} more characters"
            found.append((f"Explanations of job {snapshot.id}", cut if more > 0 else text))
    return tuple(found)


def _provenance(snapshots: Sequence[JobSnapshot]) -> tuple[Table, ...]:
    jobs = Table(
        caption="Jobs",
        head=("Job", "Benchmark", "Status", "Started", "Last change", "Models"),
        rows=tuple(
            (
                snapshot.id,
                snapshot.benchmark_name or snapshot.benchmark_id,
                snapshot.status,
                _moment(snapshot.started_at),
                _moment(snapshot.updated_at),
                str(len(snapshot.iterations)),
            )
            for snapshot in snapshots[:MOST_ROWS]
        ),
        figures=frozenset({5}),
        note=_remainder(len(snapshots)).strip(),
    )
    made = Table(
        caption="This report",
        head=("What", "Version or time"),
        rows=(
            ("made", _moment(datetime.now(UTC))),
            ("aiobench", __version__),
            *((name, version(name)) for name in LIBRARIES),
        ),
    )
    return (jobs, made) if snapshots else (made,)


def _number(value: Any) -> str:
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def _rank(low: Any, high: Any) -> str:
    if not isinstance(low, int):
        return ""
    return str(low) if low == high else f"{low} to {high}"


def _text(value: object) -> str:
    text = value if isinstance(value, str) else ""
    more = len(text) - LONGEST_TEXT
    return f"{text[:LONGEST_TEXT]}\N{HORIZONTAL ELLIPSIS} ({more:,} more characters)" if more > 0 else text


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _remainder(count: int) -> str:
    return f" The first {MOST_ROWS} of {count:,} rows." if count > MOST_ROWS else ""
