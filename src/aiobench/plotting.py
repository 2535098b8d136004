"""Plots of results with their uncertainty (extra `plot`).

Each function takes a frame and draws on one matplotlib `Axes`: on yours, or on a new figure that no global state knows.
Colours are those of Okabe and Ito, which people with any colour vision tell apart, on light and on dark backgrounds.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

from aiobench._display import printable
from aiobench._results import lazy_pandas as pd
from aiobench.analysis import AnalysisError, Comparison, compare_all, leaderboard
from aiobench.errors import MissingExtraError

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as _missing:
    raise MissingExtraError("aiobench.plotting", extra="plot") from _missing

if TYPE_CHECKING:
    from matplotlib.axis import Axis

__all__ = ["differences", "distributions", "failures", "over_time", "scores"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#767676"  # at least 4.5:1 on white, and 4.1:1 on near-black
ROW = 0.42  # inches for each model
LONGEST = 40  # characters of a name
MOST_MARKED = 30  # jobs that have dots, bars and labels of their own


def scores(
    segments: pd.DataFrame,
    *,
    metric: str | None = None,
    on: Literal["common", "worst", "all"] = "common",
    confidence: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean of each model with its interval, the best on top.

    Args:
        segments: A results frame, one row per segment and model, or what `leaderboard()` made of one.
        metric: The metric. Defaults to the first.
        on: Which segments count, as in `leaderboard()`.
        confidence: Of the intervals.
        ax: Where to draw. Defaults to a new figure's.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
    """
    board = segments if {"metric", "mean", "low", "high"} <= set(segments.columns) else None
    if board is None:
        board = leaderboard(segments, metrics=None if metric is None else [metric], on=on, confidence=confidence)
    chosen = _chosen(board, metric)
    board = board[(board["metric"] == chosen) & (board["n"] > 0)]
    ax = _axes(ax, len(board))
    marks = ["" if not failed else f" ({failed} failed)" for failed in board["failed"]]
    _rows(ax, [f"{_short(model)}{mark}" for model, mark in zip(board["Model"], marks, strict=True)])
    for place, (row, colour) in enumerate(zip(board.to_dict("records"), cycle(COLOURS), strict=False)):
        _interval(ax, place, row["mean"], row["low"], row["high"], colour, filled=bool(row["best"]))
    sizes = sorted({int(n) for n in board["n"]})
    counted = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    _label(ax.xaxis, f"{chosen}, mean over {counted} segments ({_direction(chosen)} is better)")
    return ax


def distributions(segments: pd.DataFrame, *, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw how the scores of each model's segments are spread.

    The thin line goes from the 5th to the 95th percentile, the thick one holds the middle half, the dot is the median
    and the cross the mean, each of the model's own segments.

    Args:
        segments: A results frame, one row per segment and model.
        metric: The metric. Defaults to the first.
        ax: Where to draw. Defaults to a new figure's.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
    """
    board = leaderboard(segments, metrics=None if metric is None else [metric], on="all")
    chosen = _chosen(board, metric)
    board = board[(board["metric"] == chosen) & (board["n"] > 0)]
    ax = _axes(ax, len(board))
    _rows(ax, [f"{_short(model)} ({n:,})" for model, n in zip(board["Model"], board["n"], strict=True)])
    values = segments[chosen].where(_succeeded(segments))
    for place, (model, colour) in enumerate(zip(board["Model"], cycle(COLOURS), strict=False)):
        own = values[segments["Model"] == model].astype(float).dropna()
        low, lower, median, upper, high = own.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        ax.hlines(place, low, high, colors=colour, linewidth=1.5)
        ax.hlines(place, lower, upper, colors=colour, linewidth=8, alpha=0.5)
        ax.plot([median], [place], "o", color=colour, markersize=6)
        ax.plot([own.mean()], [place], "x", color=GREY, markersize=6)
    _label(ax.xaxis, f"{chosen} of each segment ({_direction(chosen)} is better)")
    return ax


def failures(segments: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of segments that each model failed on, with Wilson's 95% interval.

    Args:
        segments: A results frame, one row per segment and model.
        ax: Where to draw. Defaults to a new figure's.

    Raises:
        AnalysisError: If the frame lacks what is needed.
    """
    from statsmodels.stats.proportion import proportion_confint

    if "Model" not in segments.columns or segments.empty:
        raise AnalysisError(
            f"there is nothing to draw: the frame has {len(segments)} rows and the columns "
            f"{', '.join(map(str, segments.columns))}"
        )
    counts = (~_succeeded(segments)).groupby(segments["Model"], sort=False).agg(["sum", "count"])
    ax = _axes(ax, len(counts))
    _rows(ax, [_short(model) for model in counts.index])
    for place, (failed, total) in enumerate(zip(counts["sum"], counts["count"], strict=True)):
        ends: Any = proportion_confint(int(failed), int(total), method="wilson")
        low, high = float(ends[0]), float(ends[1])
        _interval(ax, place, 100 * failed / total, 100 * low, 100 * high, COLOURS[1], filled=True)
    ax.set_xlim(left=0)
    _label(ax.xaxis, "Failed segments, percent (lower is better)")
    return ax


def differences(
    comparison: Comparison | Sequence[Comparison] | pd.DataFrame, *, metric: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw differences between models with their intervals; one that leaves out zero is filled.

    Args:
        comparison: What `compare()` or `compare_all()` returned, or a results frame, of which every pair is compared.
        metric: The metric, for a frame of several. Defaults to the first.
        ax: Where to draw. Defaults to a new figure's.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
    """
    if isinstance(comparison, Comparison):
        frame = pd.DataFrame([comparison.to_dict()])
    elif isinstance(comparison, pd.DataFrame):
        is_results = "difference" not in comparison.columns
        frame = compare_all(comparison, metrics=None if metric is None else [metric]) if is_results else comparison
    else:
        frame = pd.DataFrame([each.to_dict() for each in comparison])
    chosen = _chosen(frame, metric)
    frame = frame[(frame["metric"] == chosen) & frame["difference"].notna()]
    ax = _axes(ax, len(frame))
    _rows(ax, [f"{_short(a)} \N{MINUS SIGN} {_short(b)}" for a, b in zip(frame["a"], frame["b"], strict=True)])
    for place, row in enumerate(frame.to_dict("records")):
        decided = row["verdict"] != "undecided"
        low, high = (_number(row[name]) for name in ("low", "high"))
        _interval(ax, place, row["difference"], low, high, COLOURS[0] if decided else GREY, filled=decided)
    ax.axvline(0, color=GREY, linewidth=1)
    good = "left" if bool(frame["lower_is_better"].iloc[0]) else "right"
    _label(ax.xaxis, f"Difference in {chosen} (to the {good}: the first is better)")
    return ax


def over_time(
    tidy_frame: pd.DataFrame, *, metric: str | None = None, time: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw how the averages of models change from job to job, with 95% intervals: bars, or a band for many jobs.

    Args:
        tidy_frame: What `aiobench.frames.tidy()` returns for jobs, in the order to draw them.
        metric: The metric. Defaults to the first.
        time: A column that you added with each job's time. Defaults to the jobs' order.
        ax: Where to draw. Defaults to a new figure's.

    Raises:
        AnalysisError: If the frame lacks what is asked for.
    """
    from scipy import stats

    needed = {"job_id", "model", "metric", "average", "count", "stdev", *([time] if time else [])}
    if lacking := sorted(needed - set(tidy_frame.columns)):
        raise AnalysisError(
            f"there is no column {lacking[0]!r}; pass a frame of aiobench.frames.tidy(). This one has "
            f"{', '.join(map(str, tidy_frame.columns))}"
        )
    frame = tidy_frame[tidy_frame["metric"].notna() & tidy_frame["average"].notna()]
    chosen = _chosen(frame, metric)
    frame = frame[frame["metric"] == chosen]
    order = {job: place for place, job in enumerate(dict.fromkeys(frame["job_id"]))}
    ax = _axes(ax, 8)
    for (model, rows), colour in zip(frame.groupby("model", sort=False), cycle(COLOURS), strict=False):
        x = list(rows[time]) if time else [order[job] for job in rows["job_id"]]
        counts = rows["count"].astype(float)
        deviations = rows["stdev"].astype(float).fillna(0.0)
        half = stats.t.ppf(0.975, (counts - 1).clip(lower=1)) * deviations / counts**0.5
        if len(order) > MOST_MARKED:  # a line in a band, for dots and bars would cover each other
            low, high = rows["average"] - half, rows["average"] + half
            ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            ax.plot(x, rows["average"], "-", color=colour, linewidth=1, label=_short(model))
        else:
            ax.errorbar(x, rows["average"], yerr=half, fmt="o-", color=colour, capsize=3, label=_short(model))
    _label(ax.yaxis, f"{chosen}, average ({_direction(chosen)} is better)")
    if time is None and len(order) > MOST_MARKED:
        _label(ax.xaxis, f"Job, of {len(order):,} in order")
    elif time is None:
        ax.set_xticks(range(len(order)), [_short(job, 12) for job in order], rotation=45, ha="right")
        _label(ax.xaxis, "Job")
    else:
        _label(ax.xaxis, time)
    ax.legend(frameon=False, labelcolor=GREY)
    return ax


class _Figure(Figure):
    """A figure that notebooks show by itself; for others they ask pyplot."""

    def _repr_png_(self) -> bytes:  # hundreds of jobs make an SVG of megabytes
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=144)
        return image.getvalue()


def _axes(ax: Axes | None, rows: int) -> Axes:
    """Return the axes to draw on: the user's as they are, or new ones for any background."""
    if ax is not None:
        return ax
    figure = _Figure(figsize=(7.0, 1.0 + ROW * max(rows, 2)), layout="constrained")
    figure.patch.set_alpha(0)
    new = figure.subplots()
    new.patch.set_alpha(0)
    new.tick_params(colors=GREY)
    for name, spine in new.spines.items():
        spine.set_color(GREY)
        spine.set_visible(name in {"left", "bottom"})
    new.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.8)
    new.set_axisbelow(True)
    return new


def _rows(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), [_plain(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)  # the first on top


def _interval(ax: Axes, place: int, value: float, low: float, high: float, colour: str, *, filled: bool) -> None:
    if math.isfinite(low) and math.isfinite(high):
        ax.hlines(place, low, high, colors=colour, linewidth=2)
    face = colour if filled else "none"
    ax.plot([value], [place], "o", color=colour, markerfacecolor=face, markersize=7)


def _label(axis: Axis, text: str) -> None:
    axis.set_label_text(_plain(text))
    if axis.axes.figure is not None and axis.axes.patch.get_alpha() == 0:
        axis.label.set_color(GREY)


def _chosen(frame: pd.DataFrame, metric: str | None) -> str:
    known = [str(each) for each in dict.fromkeys(frame["metric"])] if "metric" in frame.columns else []
    if not known:
        raise AnalysisError("there is nothing to draw: the frame has no scores")
    from aiobench.analysis.metrics import metric_named

    return known[0] if metric is None else metric_named(metric, known)


def _succeeded(segments: pd.DataFrame) -> pd.Series[bool]:
    if "Model_success" not in segments.columns:
        return pd.Series([True] * len(segments), index=segments.index)
    return ~segments["Model_success"].isin([False, "False", "false"])


def _direction(metric: str) -> str:
    from aiobench.analysis.metrics import is_lower_better

    return "lower" if is_lower_better(metric, None) else "higher"


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _short(name: object, longest: int = LONGEST) -> str:
    text = str(name)
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _plain(text: str) -> str:
    """Keep matplotlib from reading a `$` as the start of a formula."""
    return printable(text).replace("$", r"\$")
