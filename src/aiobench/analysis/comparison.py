"""One model against another: the result of a paired comparison, and how it is shown."""

from __future__ import annotations

import math
from html import escape
from typing import Any, Literal

from attrs import asdict, frozen

from aiobench._display import Printer, printable
from aiobench.analysis.selection import On

__all__ = ["Comparison", "number"]

WIDTH = 12  # of the names of facts in text


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
        interval = f" ({number(ends[0])} to {number(ends[1])})" if math.isfinite(self.low) else ""
        if self.verdict == "undecided":
            head = (
                f"No difference was found between {first} and {second} on {self.metric}: the gap is "
                f"{number(gap)}{interval}"
            )
        else:
            head = f"{first} is better than {second} on {self.metric} by {number(gap)}{interval}"
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
            ("Means", f"{number(self.mean_a)} and {number(self.mean_b)}; {self._direction()} is better"),
            ("a - b", f"{number(self.difference)}, {percent} interval {number(self.low)} to {number(self.high)}"),
            ("p", f"{self.p_value:.2g}"),
            ("Effect size", number(self.effect_size)),
            ("Pairs", f"{self.n:,}: a better in {self.wins:,}, b in {self.losses:,}, {self.ties:,} ties"),
            ("Left out", f"{self.only_a:,} that only a has a score for, {self.only_b:,} that only b has"),
            ("Method", self.method),
        ]

    def _direction(self) -> str:
        return "lower" if self.lower_is_better else "higher"

    def __str__(self) -> str:
        lines = [self.sentence, f"  {'a, b':{WIDTH}}{self.a}, {self.b}"]
        return "\n".join(
            printable(line) for line in lines + [f"  {name:{WIDTH}}{value}" for name, value in self._facts()]
        )

    def __repr__(self) -> str:
        return (
            f"<Comparison of {self.a!r} and {self.b!r} on {self.metric}: {number(self.difference)} "
            f"({number(self.low)} to {number(self.high)}), {self.verdict}>"
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


def number(value: float) -> str:
    """Format a figure for a sentence, with three significant digits."""
    return "unknown" if not math.isfinite(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
