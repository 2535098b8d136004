"""One model against another: the paired comparison, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from html import escape
from typing import Any, Literal, Protocol

import numpy as np
from attrs import asdict, frozen

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.intervals import Interval, difference_interval, differences_of
from aiobench.analysis.metrics import Floats, chosen_metrics, is_lower_better
from aiobench.analysis.pairing import Codes, Rows, paired
from aiobench.analysis.selection import On, check_confidence, check_on, clusters_of, selected
from aiobench.analysis.significance import Significance, p_of_pairs

__all__ = ["Comparison", "compare", "compare_places"]

WIDTH = 12  # of the names of facts in text


class Printer(Protocol):
    """What IPython hands to `_repr_pretty_`."""

    def text(self, text: str, /) -> None: ...


@frozen(repr=False)
class Comparison:
    """Two models compared on one metric, segment by segment.

    Attributes:
        metric: The metric.
        a: The first model.
        b: The second model.
        n: Segments that count as pairs.
        mean_a: The mean score of a, in the metric's unit.
        mean_b: The mean score of b.
        difference: mean_a - mean_b, in the metric's unit: below zero is good for a where lower is better.
        low: The lower end of the difference's confidence interval; NaN with fewer than two pairs.
        high: Its upper end.
        p_value: Two-sided: how often two equal models would differ as much.
        method: How the interval and the p-value were computed.
        effect_size: The difference in standard deviations of the paired differences; NaN where they do not vary.
        wins: Pairs in which a is better.
        losses: Pairs in which b is better.
        ties: Pairs of equal scores.
        only_a: Segments that only a has a score for.
        only_b: Segments that only b has a score for.
        failed_a: Segments of the two that a has no score for.
        failed_b: Segments of the two that b has no score for.
        lower_is_better: The metric's direction.
        verdict: `a` or `b`, whichever is better with this confidence, or `undecided`.
        confidence: The interval's confidence; the verdict needs a p-value of at most 1 - confidence.
        on: Which segments counted: `common`, `worst` or `all`.
    """

    metric: str
    a: str
    b: str
    n: int
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p_value: float
    method: str
    effect_size: float
    wins: int
    losses: int
    ties: int
    only_a: int
    only_b: int
    failed_a: int
    failed_b: int
    lower_is_better: bool
    verdict: Literal["a", "b", "undecided"]
    confidence: float = 0.95
    on: On = "common"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that `json.dumps` takes; NaN becomes None."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        flipped = self.verdict == "b" or (self.verdict == "undecided" and self._leads("b"))
        first, second = (self.b, self.a) if flipped else (self.a, self.b)
        gap, ends = abs(self.difference), sorted((abs(self.low), abs(self.high)))
        if self.verdict == "undecided":
            ends = [-self.high, -self.low] if (self.difference < 0) else [self.low, self.high]
        interval = f" ({_number(ends[0])} to {_number(ends[1])})" if math.isfinite(self.low) else ""
        if self.verdict == "undecided":
            head = (
                f"No difference was found between {first} and {second} on {self.metric}: the gap is "
                f"{_number(gap)}{interval}"
            )
        else:
            head = f"{first} is better than {second} on {self.metric} by {_number(gap)}{interval}"
        return f"{head}, {self._basis()}."

    def _leads(self, which: str) -> bool:
        a_ahead = (self.difference < 0) if self.lower_is_better else (self.difference > 0)
        return (which == "a") == a_ahead

    def _basis(self) -> str:
        segments = f"{self.n:,} segment{'' if self.n == 1 else 's'}"
        left_out = self.only_a + self.only_b
        if self.on == "worst":
            failed = f"; a failed one scores the worst value ({self.failed_a} of a, {self.failed_b} of b)"
            return f"on all {segments}{failed if self.failed_a or self.failed_b else ''}"
        if self.on == "all":
            return f"each on its own segments: {segments} of both, {self.only_a} only of a, {self.only_b} only of b"
        return f"on {segments} that both have a score for; {left_out:,} that only one has {_were(left_out)} left out"

    def _facts(self) -> list[tuple[str, str]]:
        percent = (
            f"{self.confidence:.0%}"
            if round(self.confidence * 100) == self.confidence * 100
            else f"{self.confidence:.1%}"
        )
        return [
            ("Means", f"{_number(self.mean_a)} and {_number(self.mean_b)}; {self._direction()} is better"),
            ("a - b", f"{_number(self.difference)}, {percent} interval {_number(self.low)} to {_number(self.high)}"),
            ("p", f"{self.p_value:.2g}"),
            ("Effect size", _number(self.effect_size)),
            ("Pairs", f"{self.n:,}: a better in {self.wins:,}, b in {self.losses:,}, {self.ties:,} ties"),
            ("Left out", f"{self.only_a:,} that only a has a score for, {self.only_b:,} that only b has"),
            ("Method", self.method),
        ]

    def _direction(self) -> str:
        return "lower" if self.lower_is_better else "higher"

    def __str__(self) -> str:
        lines = [self.sentence, f"  {'a, b':{WIDTH}}{self.a}, {self.b}"]
        return "\n".join(
            _printable(line) for line in lines + [f"  {name:{WIDTH}}{value}" for name, value in self._facts()]
        )

    def __repr__(self) -> str:
        return (
            f"<Comparison of {self.a!r} and {self.b!r} on {self.metric}: {_number(self.difference)} "
            f"({_number(self.low)} to {_number(self.high)}), {self.verdict}>"
        )

    def _repr_pretty_(self, printer: Printer, *_: object) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align: left">{escape(name)}</th>'
            f'<td style="text-align: left">{escape(value)}</td></tr>'
            for name, value in [("a, b", f"{self.a}, {self.b}"), *self._facts()]
        )
        return f"<div><p><strong>{escape(self.sentence)}</strong></p><table><tbody>{rows}</tbody></table></div>"


@needs_stats()
def compare(
    segments: pd.DataFrame,
    a: str,
    b: str,
    *,
    metric: str,
    on: On = "common",
    cluster: str | None = None,
    confidence: float = 0.95,
    segment: str | Sequence[str] | None = None,
    seed: int = 0,
    lower_is_better: Collection[str] | None = None,
) -> Comparison:
    """Compare two models, segment by segment.

    Args:
        segments: A results frame, one row per segment and model.
        a: A model, as in the column `Model`.
        b: Another.
        metric: The column with the scores.
        on: `common`: segments that both have a score for. `worst`: all, a failed one with the metric's worst value.
            `all`: each model's own, which compares different segments where some failed.
        cluster: A column of groups of segments that are not independent: documents, passages.
        confidence: Of the interval, and of the verdict.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        seed: Of the sign flips, where not all are made.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Raises:
        AnalysisError: If a metric or model is not in the frame, no segment is common, a model has a segment twice, or
            all scores are one value.
        MissingExtraError: If the extra `stats` is not installed.
    """
    check_on(on)
    check_confidence(confidence)
    rows = paired(segments, segment)
    (metric,) = chosen_metrics(rows.frame, [metric])
    places = rows.place(a), rows.place(b)
    if a == b:
        raise AnalysisError(f"a and b are the same model, {a!r}")
    clusters = clusters_of(rows, cluster)
    comparison, scores = compare_places(
        rows,
        places,
        metric,
        on=on,
        clusters=clusters,
        confidence=confidence,
        seed=seed,
        lower_is_better=lower_is_better,
    )
    if comparison.n == 0:
        raise AnalysisError(
            f"{a!r} and {b!r} have no common segment with a score for {metric!r}: {comparison.only_a} segments have "
            f"one for the first alone, {comparison.only_b} for the second alone"
        )
    if comparison.n > 1 and scores.min() == scores.max():
        raise AnalysisError(
            f"{metric!r} is {scores.min():g} on all {comparison.n} segments for both models: there is nothing "
            "to compare"
        )
    return comparison


def compare_places(
    rows: Rows,
    places: tuple[int, int],
    metric: str,
    *,
    on: On,
    clusters: Codes | None,
    confidence: float,
    seed: int,
    lower_is_better: Collection[str] | None,
) -> tuple[Comparison, Floats]:
    """Compare two models by their places, also where nothing is common; return the pairs' scores with it."""
    lower = is_lower_better(metric, lower_is_better)
    chosen = selected(rows, metric, places, on=on, lower_is_better=lower, cluster=clusters)
    known = np.isfinite(selected(rows, metric, places, on="all", lower_is_better=lower).scores)
    only_a, only_b = (int((known[:, i] & ~known[:, 1 - i]).sum()) for i in (0, 1))
    own = [chosen.scores[np.isfinite(chosen.scores[:, i]), i] for i in (0, 1)]
    both = np.isfinite(chosen.scores).all(axis=1)
    a, b = chosen.scores[both].T
    grouped = None if chosen.clusters is None else chosen.clusters[both]
    means = [float(each.mean()) if each.size else math.nan for each in own]
    difference = means[0] - means[1]
    gaps = differences_of(a, b)
    if on == "all" and (only_a or only_b):
        interval, test = _unpaired(own[0], own[1], confidence)
    elif not len(a):
        interval, test = Interval(math.nan, math.nan, "no pairs"), Significance(math.nan, "no test")
    else:
        interval = difference_interval(a, b, confidence=confidence, clusters=grouped)
        test = p_of_pairs(a, b, clusters=grouped, seed=seed)
    better = -gaps if lower else gaps
    deviation = float(gaps.std(ddof=1)) if len(gaps) > 1 else 0.0
    comparison = Comparison(
        metric=metric,
        a=rows.models[places[0]],
        b=rows.models[places[1]],
        n=len(a),
        mean_a=means[0],
        mean_b=means[1],
        difference=difference,
        low=interval.low,
        high=interval.high,
        p_value=test.p,
        method=f"{interval.method} interval; {test.method}",
        effect_size=float(gaps.mean()) / deviation if deviation > 0 else math.nan,
        wins=int((better > 0).sum()),
        losses=int((better < 0).sum()),
        ties=int((better == 0).sum()),
        only_a=only_a,
        only_b=only_b,
        failed_a=chosen.failed[0],
        failed_b=chosen.failed[1],
        lower_is_better=lower,
        verdict=verdict_of(interval, test.p, confidence=confidence, lower_is_better=lower),
        confidence=confidence,
        on=on,
    )
    return comparison, np.concatenate([a, b])


def verdict_of(
    interval: Interval, p_value: float, *, confidence: float, lower_is_better: bool
) -> Literal["a", "b", "undecided"]:
    """Say which is better: the test and the interval must agree that one is."""
    if not p_value <= 1 - confidence + 1e-12 or not (interval.low > 0 or interval.high < 0):
        return "undecided"
    return "a" if (interval.low > 0) is not lower_is_better else "b"


def _unpaired(a: Floats, b: Floats, confidence: float) -> tuple[Interval, Significance]:
    """Compare means of different segments, as if they had nothing in common: the cautious way."""
    from scipy import stats

    if min(len(a), len(b)) < 2 or a.std() == b.std() == 0:
        return Interval(math.nan, math.nan, "none: too few"), Significance(math.nan, "no test")
    result = stats.ttest_ind(a, b, equal_var=False)
    interval = result.confidence_interval(confidence)
    return Interval(float(interval.low), float(interval.high), "Welch's t"), Significance(
        float(result.pvalue), "Welch's t-test, not paired"
    )


def _number(value: float) -> str:
    return "unknown" if not math.isfinite(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
