"""The gate: each rule checked on the segments of a baseline and a candidate."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from attrs import evolve, frozen

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.comparison import number
from aiobench.analysis.errors import AnalysisError, needs_stats
from aiobench.analysis.gates.result import GateResult, Outcome, Verdict, worst_outcome
from aiobench.analysis.gates.rules import Rule, parse_rule
from aiobench.analysis.intervals import difference_interval, differences_of
from aiobench.analysis.metrics import Floats, is_lower_better, metric_columns, named_like
from aiobench.analysis.pairing import Rows, paired, scores_of
from aiobench.analysis.power import MOST, enough_pairs
from aiobench.analysis.selection import On, check_confidence, clusters_of, selected

__all__ = ["gate"]

CANDIDATE, BASELINE = "candidate", "baseline"
POWER = 0.8  # of the number of segments that would decide


@frozen
class _Pair:
    """A model of the candidate beside one of the baseline, in one frame."""

    model: str
    rows: Rows
    cluster: str | None
    confidence: float
    lower_is_better: Collection[str] | None

    @property
    def places(self) -> tuple[int, int]:
        return self.rows.place(CANDIDATE), self.rows.place(BASELINE)


@needs_stats()
def gate(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    rules: Sequence[str],
    *,
    model: str | None = None,
    baseline_model: str | None = None,
    cluster: str | None = None,
    confidence: float = 0.95,
    segment: str | Sequence[str] | None = None,
    lower_is_better: Collection[str] | None = None,
) -> GateResult:
    """Check that a candidate is not worse than a baseline.

    A rule for a metric bounds the gain, candidate minus baseline, with its sign turned where lower scores are better.
    It passes if the gain's one-sided lower bound is on the right side of the rule's number, fails if the upper bound is
    on the wrong side, and is inconclusive otherwise. Both the common segments and all of them, a failed one with the
    metric's worst score, must pass.

    Args:
        baseline: A results frame, one row per segment and model.
        candidate: Another.
        rules: `"BLEU by sacrebleu >= -0.5"` allows half a point less; `"chrF by sacrebleu > 0"` asks for a significant
            gain; `"failure rate <= 2"` allows two percent of all segments to have failed.
        model: The candidate's model. Defaults to each model that both frames have, or the only one of each; the worst
            of them decides a rule.
        baseline_model: The baseline's model. Defaults to the one of the same name, or its only one.
        cluster: A column of groups of segments that are not independent: documents, passages.
        confidence: Of each one-sided bound.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.
        lower_is_better: The metrics for which lower is better, in place of what their names say.

    Returns:
        One verdict per rule. A metric that is missing, too few pairs or an interval that covers both sides is
        inconclusive, which is not a pass.

    Raises:
        AnalysisError: If a rule cannot be read, there is no such model, or a model has a segment twice.
        MissingExtraError: If the extra `stats` is not installed.
    """
    check_confidence(confidence)
    parsed = [parse_rule(rule) for rule in ([rules] if isinstance(rules, str) else rules)]
    if not parsed:
        raise AnalysisError("there is no rule; pass at least one, such as 'BLEU by sacrebleu >= -0.5'")
    before, after = paired(baseline, segment), paired(candidate, segment)
    pairs = [
        _Pair(name, _side_by_side(before, other, after, name, segment), cluster, confidence, lower_is_better)
        for name, other in _matched(before, after, model, baseline_model)
    ]
    return GateResult(tuple(_worst([_check(rule, pair) for pair in pairs]) for rule in parsed))


def _matched(before: Rows, after: Rows, model: str | None, baseline_model: str | None) -> list[tuple[str, str]]:
    """Return the pairs of models to compare, the candidate's first."""
    if baseline_model is not None:
        before.place(baseline_model)
    if model is not None:
        after.place(model)
        names = [model]
    elif len(after.models) == 1:
        names = list(after.models)
    elif baseline_model is not None:
        raise AnalysisError(f"the candidate has several models, {', '.join(after.models)}; name one with model=…")
    else:
        names = [name for name in before.models if name in after.models]
        missing = [name for name in before.models if name not in after.models]
        if missing:
            raise AnalysisError(
                f"the candidate lacks {', '.join(missing)} of the baseline; it has {', '.join(after.models)}. Name the "
                "model to check with model=…"
            )
    pairs = []
    for name in names:
        if baseline_model is not None:
            pairs.append((name, baseline_model))
        elif name in before.models:
            pairs.append((name, name))
        elif len(before.models) == 1:
            pairs.append((name, before.models[0]))
        else:
            raise AnalysisError(
                f"the baseline has no model {name!r}; it has {', '.join(before.models)}. Name one with baseline_model=…"
            )
    return pairs


def _side_by_side(
    before: Rows, baseline_model: str, after: Rows, model: str, segment: str | Sequence[str] | None
) -> Rows:
    """Put two models' rows in one frame, as models called candidate and baseline."""
    parts = [
        rows.frame[rows.model == rows.place(name)].assign(Model=label)
        for rows, name, label in ((after, model, CANDIDATE), (before, baseline_model, BASELINE))
    ]
    if segment is None and not all("segment_id" in part and part["segment_id"].notna().all() for part in parts):
        parts = [part.drop(columns="segment_id", errors="ignore") for part in parts]
    return paired(pd.concat(parts, ignore_index=True), segment)


def _check(rule: Rule, pair: _Pair) -> Verdict:
    if rule.is_of_failures:
        return _failures(rule, pair)
    if rule.subject not in pair.rows.frame.columns:
        matching = named_like(rule.subject, metric_columns(pair.rows.frame))
        rule = evolve(rule, subject=matching[0]) if len(matching) == 1 else rule
    lacking = [
        name
        for place, name in zip(pair.places, (CANDIDATE, BASELINE), strict=True)
        if rule.subject not in pair.rows.frame.columns
        or pair.rows.frame.loc[pair.rows.model == place, rule.subject].isna().all()
    ]
    if lacking:
        found = ", ".join(metric_columns(pair.rows.frame)) or "none"
        have = "has" if len(lacking) == 1 else "have"
        return _undecided(
            rule, pair, f"the {' and the '.join(lacking)} {have} no score for it; the metrics are {found}"
        )
    common = _gain(rule, pair, "common")
    worst = _gain(rule, pair, "worst")
    return common if worst_outcome([common.outcome, worst.outcome]) == common.outcome else worst


def _failures(rule: Rule, pair: _Pair) -> Verdict:
    """Check the share of segments that the candidate failed on, or has no row for."""
    place = pair.places[0]
    frame = pair.rows.frame
    done = pair.rows.model == place
    if "Model_success" in frame.columns:
        failed = frame["Model_success"].isin([False, "False", "false"]).to_numpy(dtype=bool)
        good = np.unique(pair.rows.segment[done & ~failed])
    else:
        metrics = metric_columns(frame)
        if not metrics:
            return _undecided(rule, pair, "nothing says which segments failed: no Model_success, and no metric")
        known = [np.isfinite(scores_of(pair.rows, metric)[:, place]) for metric in metrics]
        good = np.flatnonzero(np.any(known, axis=0))
    total = pair.rows.segments
    bad = total - len(good)
    rate = 100 * bad / total
    return Verdict(
        rule=rule.text,
        outcome="pass" if rule.holds(rate) else "fail",
        reason=f"{bad:,} of {total:,} segments failed, {number(rate)} percent",
        model=pair.model,
        n=total,
        figure=rate,
        low=math.nan,
        high=math.nan,
        bound=rule.bound,
        on="all",
    )


def _gain(rule: Rule, pair: _Pair, on: On) -> Verdict:
    """Check the mean gain of the candidate, positive where it is better."""
    lower = is_lower_better(rule.subject, pair.lower_is_better)
    clusters = clusters_of(pair.rows, pair.cluster)
    chosen = selected(pair.rows, rule.subject, pair.places, on=on, lower_is_better=lower, cluster=clusters)
    candidate, baseline = chosen.scores.T
    alpha = 1 - pair.confidence
    fewest = math.ceil(math.log2(1 / alpha) - 1e-9)  # all of fewer pairs may agree by chance
    n = len(candidate)
    if n < fewest:
        few = f"{n} common segment{'' if n == 1 else 's'} cannot decide it; it takes at least {fewest}"
        return evolve(_undecided(rule, pair, few), n=n, on=on, segments_needed=fewest)
    interval = difference_interval(candidate, baseline, confidence=1 - 2 * alpha, clusters=chosen.clusters)
    low, high = (0.0 - interval.high, 0.0 - interval.low) if lower else (interval.low, interval.high)
    gains = differences_of(baseline, candidate) if lower else differences_of(candidate, baseline)
    gain = float(gains.mean())
    outcome: Outcome = "pass" if rule.holds(low) else "fail" if not rule.holds(high) else "inconclusive"
    if not math.isfinite(low):
        outcome = "inconclusive"  # a bound that is not known is on no side
    needed = _needed(gains, rule.bound, alpha) if outcome == "inconclusive" else None
    return Verdict(
        rule=rule.text,
        outcome=outcome,
        reason=_reason(gain, low, high, n, on, needed, outcome=outcome, failed=chosen.failed),
        model=pair.model,
        n=n,
        figure=gain,
        low=low,
        high=high,
        bound=rule.bound,
        on=on,
        segments_needed=needed,
    )


def _needed(gains: Floats, bound: float, alpha: float) -> int | None:
    """Say about how many pairs would decide, if the gain and its spread stay as they are."""
    deviation = float(gains.std(ddof=1))
    distance = abs(float(gains.mean()) - bound)
    if deviation == 0 or distance == 0:
        return None
    needed = enough_pairs(distance / deviation, power=POWER, alpha=alpha, alternative="larger")
    return max(needed, len(gains) + 1) if needed < MOST else None


def _reason(
    gain: float, low: float, high: float, n: int, on: On, needed: int | None, *, outcome: Outcome,
    failed: tuple[int, ...],
) -> str:  # fmt: skip
    segments = f"{n:,} common segments" if on == "common" else f"all {n:,} segments"
    text = f"the gain is {number(gain)} ({number(low)} to {number(high)}) on {segments}"
    if on == "worst":
        text += f", a failed one with the worst score ({failed[0]:,} of the candidate, {failed[1]:,} of the baseline)"
    if outcome != "inconclusive":
        return text
    enough = f"about {needed:,} segments would decide it" if needed else "no number of segments would decide it"
    return f"{text}; {enough}"


def _undecided(rule: Rule, pair: _Pair, reason: str) -> Verdict:
    nothing = math.nan
    return Verdict(rule.text, "inconclusive", reason, pair.model, 0, nothing, nothing, nothing, rule.bound, "common")


def _worst(verdicts: list[Verdict]) -> Verdict:
    worst = worst_outcome([verdict.outcome for verdict in verdicts])
    return next(verdict for verdict in verdicts if verdict.outcome == worst)
