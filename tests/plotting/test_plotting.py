"""Pictures show the figures of the analysis, on axes of the user's or on a figure that no global state knows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy import stats

from aiobench import plotting
from aiobench.analysis import AnalysisError, compare, compare_all, leaderboard
from aiobench.frames import tidy
from aiobench.local import evaluate
from analysis.frames import BLEU, NAN, TER, noisy, results

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

FRAME = results({**noisy(1, 40, good=50.0, fair=48.0), "skips": [NAN] * 10 + [40.0 + i % 7 for i in range(30)]})


def labels(ax: Axes) -> list[str]:
    """Return the names on the y axis."""
    return [label.get_text() for label in ax.get_yticklabels()]


def points(ax: Axes) -> list[float]:
    """Return where the dots are."""
    return [float(np.asarray(line.get_xdata())[0]) for line in ax.lines if line.get_marker() == "o"]


def spans(ax: Axes) -> list[tuple[float, float]]:
    """Return where the intervals are."""
    found = [np.asarray(segment) for collection in ax.collections for segment in collection.get_segments()]
    return [(float(segment[0, 0]), float(segment[1, 0])) for segment in found]


def test_scores_are_the_leaderboards() -> None:
    """Means, intervals and order are those of `leaderboard()`, whichever frame it is given."""
    board = leaderboard(FRAME)

    for frame in (FRAME, board):
        ax = plotting.scores(frame)
        assert points(ax) == pytest.approx(board["mean"].tolist())
        assert spans(ax) == [pytest.approx(ends) for ends in zip(board["low"], board["high"], strict=True)]
        assert set(labels(ax)) == {"skips (10 failed)", "good", "fair"}
        assert ax.get_xlabel() == f"{BLEU}, mean over 30 segments (higher is better)"


def test_the_direction_is_on_the_axis() -> None:
    """For TER, lower is better."""
    ax = plotting.scores(results(noisy(1, 40, a=50.0, b=40.0), TER))

    assert ax.get_xlabel().endswith("(lower is better)")
    assert labels(ax) == ["b", "a"]


def test_distributions_are_of_each_models_own_segments() -> None:
    """Dots are medians, and the names say of how many."""
    ax = plotting.distributions(FRAME)

    medians = {model: rows[BLEU].median() for model, rows in FRAME.groupby("Model")}
    drawn = dict(zip((name.partition(" (")[0] for name in labels(ax)), points(ax), strict=True))
    assert drawn == pytest.approx(medians)
    assert "skips (30)" in labels(ax)


def test_failures_are_percentages() -> None:
    """Ten of forty are 25 percent, with an interval around it."""
    ax = plotting.failures(FRAME)

    assert points(ax) == [0.0, 0.0, 25.0]
    low, high = spans(ax)[2]
    assert low < 25.0 < high


def test_differences_are_the_comparisons() -> None:
    """A comparison, a frame of them and a results frame give one picture."""
    everything = compare_all(FRAME)
    one = compare(FRAME, "good", "skips", metric=BLEU)

    assert points(plotting.differences(everything)) == pytest.approx(everything["difference"].tolist())
    assert points(plotting.differences(FRAME)) == pytest.approx(everything["difference"].tolist())
    assert points(plotting.differences([one])) == points(plotting.differences(one)) == [one.difference]
    assert labels(plotting.differences(one)) == ["good \N{MINUS SIGN} skips"]


def test_over_time_follows_the_jobs() -> None:
    """One line per model, in the order of the jobs, with the average of each."""
    data = pd.DataFrame({"source": ["a", "b", "c"], "reference": ["x", "y", "z"], "m": ["x", "y", "q"]})
    runs = [evaluate(data.assign(m=texts), predictions=["m"], metrics=["exact match"]).snapshot for texts in (
        ["x", "q", "q"], ["x", "y", "q"], ["x", "y", "z"])]  # fmt: skip

    ax = plotting.over_time(tidy(runs))

    (line,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert list(np.asarray(line.get_ydata())) == pytest.approx([100 / 3, 200 / 3, 100.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["m"]  # type: ignore[union-attr]


def test_many_jobs_are_a_line_in_a_band() -> None:
    """Their dots and labels would cover each other."""
    rows = [
        {"job_id": f"j{job}", "model": model, "metric": BLEU, "average": 50.0 + job, "count": 4, "stdev": 2.0}
        for job in range(31)
        for model in ("a", "b")
    ]
    ax = plotting.over_time(pd.DataFrame(rows))

    assert [len(np.asarray(line.get_ydata())) for line in ax.lines] == [31, 31]
    half = float(stats.t.ppf(0.975, 3)) * 2.0 / 4**0.5
    edge = np.asarray(ax.collections[0].get_paths()[0].vertices)[:, 1]
    assert (edge.min(), edge.max()) == pytest.approx((50.0 - half, 80.0 + half))
    assert ax.get_xlabel() == "Job, of 31 in order"


DRAWERS = [plotting.scores, plotting.distributions, plotting.failures, plotting.differences]


@pytest.mark.parametrize("draw", DRAWERS)
def test_nothing_global_is_changed(draw: Callable[..., Axes]) -> None:
    """No figure of pyplot's, no style, and the user's axes are used where they are given."""
    before = dict(mpl.rcParams)
    mine = Figure().subplots()

    assert draw(FRAME, ax=mine) is mine
    ax = draw(FRAME)
    assert isinstance(ax.figure, Figure)
    ax.figure.savefig(io.BytesIO(), format="svg")

    assert (plt.get_fignums(), dict(mpl.rcParams)) == ([], before)


@pytest.mark.parametrize("draw", DRAWERS)
def test_names_are_text(draw: Callable[..., Axes]) -> None:
    """A `$` is no formula, and control characters draw nothing."""
    ax = draw(FRAME.replace({"Model": {"good": "costs $5\x00 and $6", "fair": "x" * 200}}))

    assert isinstance(ax.figure, Figure)
    ax.figure.savefig(io.BytesIO(), format="png")
    assert any(r"costs \$5" in name for name in labels(ax))


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: plotting.scores(FRAME, metric="chrF"), "there is no metric 'chrF'"),
        (lambda: plotting.distributions(FRAME, metric="chrF"), "there is no metric 'chrF'"),
        (
            lambda: plotting.differences(compare_all(FRAME), metric="chrF"),
            "there is no metric 'chrF'; the frame has BLEU",
        ),
        (lambda: plotting.failures(FRAME.head(0)), "nothing to draw: the frame has 0 rows"),
        (lambda: plotting.over_time(FRAME), "there is no column 'average'; pass a frame of aiobench.frames.tidy"),
    ],
)
def test_what_cannot_be_drawn_is_explained(draw: Callable[[], Axes], sentence: str) -> None:
    """The error names what there is."""
    with pytest.raises(AnalysisError, match=sentence):
        draw()


def test_a_notebook_shows_the_figure() -> None:
    """At the end of a cell, without pyplot: as a PNG."""
    figure = plotting.failures(results({"a": [1.0, float("nan")]})).figure
    data, _ = DisplayFormatter().format(figure)
    assert data["image/png"].startswith(b"\x89PNG")
