"""A gate passes only what is surely no worse: three outcomes, decided on the stricter choice of segments."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from aiobench.analysis import AnalysisError, GateResult, gate
from analysis.frames import BLEU, NAN, TER, noisy, results

NOT_WORSE = f"{BLEU} >= -0.5"


def of(scores: list[float], model: str = "system", metric: str = BLEU) -> pd.DataFrame:
    """Return the results of one model."""
    return results({model: scores}, metric)


def shifted(gain: float, *, n: int = 200, seed: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a baseline and a candidate that is better by about so much."""
    scores = noisy(seed, n, before=50.0, after=50.0 + gain)
    return of(scores["before"]), of(scores["after"])


@pytest.mark.parametrize(("gain", "outcome"), [(3.0, "pass"), (-5.0, "fail"), (-0.4, "inconclusive")])
def test_the_one_sided_bounds_decide(gain: float, outcome: str) -> None:
    """Pass: the lower bound of candidate minus baseline is above; fail: the upper bound is below; else neither."""
    before, after = shifted(gain)

    verdict = gate(before, after, [NOT_WORSE]).verdicts[0]

    gains = after[BLEU].to_numpy() - before[BLEU].to_numpy()
    low, high = stats.ttest_1samp(gains, 0).confidence_interval(0.90)
    assert verdict.outcome == outcome
    assert (verdict.low, verdict.high, verdict.figure) == pytest.approx((low, high, gains.mean()))


def test_an_inconclusive_rule_says_how_many_segments_would_decide() -> None:
    """The number is that of a one-sided t-test with a power of 0.8, at the gain and spread that were seen."""
    before, after = shifted(-0.4)

    result = gate(before, after, [NOT_WORSE])

    gains = after[BLEU].to_numpy() - before[BLEU].to_numpy()
    effect = abs(gains.mean() + 0.5) / gains.std(ddof=1)
    needed = result.verdicts[0].segments_needed
    assert needed is not None
    solver = TTestPower()
    assert solver.power(effect, needed, 0.05, alternative="larger") >= 0.8
    assert solver.power(effect, needed - 1, 0.05, alternative="larger") < 0.8
    assert f"about {needed:,} segments would decide it" in result.verdicts[0].reason


def test_lower_is_better_turns_the_sign() -> None:
    """Five points less TER are a gain of five."""
    scores = noisy(6, 100, before=50.0, after=45.0)

    result = gate(of(scores["before"], metric=TER), of(scores["after"], metric=TER), [f"{TER} > 0"])

    assert result.passed
    assert result.verdicts[0].figure == pytest.approx(np.mean(scores["before"]) - np.mean(scores["after"]))


def test_a_candidate_that_skips_the_hardest_segments_does_not_pass() -> None:
    """Common segments alone would pass it; all segments, a failed one with the worst score, do not."""
    hard, easy = [20.0 + i % 3 for i in range(30)], [60.0 + i % 5 for i in range(170)]

    result = gate(of(hard + easy), of([NAN] * 30 + [score + 0.2 for score in easy]), [NOT_WORSE])

    assert result.verdicts[0].outcome == "fail"
    assert result.verdicts[0].on == "worst"
    assert "a failed one with the worst score (30 of the candidate, 0 of the baseline)" in result.verdicts[0].reason


def test_equal_outputs_are_no_worse_and_no_better() -> None:
    """A candidate with the baseline's own scores passes `>= 0`, and not `> 0`."""
    before, _ = shifted(0)

    result = gate(before, before, [f"{BLEU} >= 0", f"{BLEU} > 0"])

    assert [verdict.outcome for verdict in result.verdicts] == ["pass", "fail"]


@pytest.mark.parametrize(("n", "outcome"), [(0, "inconclusive"), (1, "inconclusive"), (4, "inconclusive"), (5, "pass")])
def test_too_few_pairs_decide_nothing(n: int, outcome: str) -> None:
    """Four pairs agree by chance once in 16: below five, nothing is decided at 95 percent."""
    before = of([40.0] * 10)
    after = of([50.0] * n + [NAN] * (10 - n))
    if n < 10:
        before, after = before[before["segment_id"] < max(n, 1)], after[after["segment_id"] < max(n, 1)]

    verdict = gate(before, after, [f"{BLEU} > 0"]).verdicts[0]

    assert verdict.outcome == outcome


def test_a_rule_may_name_a_metric_without_its_supplier() -> None:
    """The verdict is that of the whole name."""
    before, after = shifted(3.0)

    short, whole = gate(before, after, ["bleu >= -0.5", NOT_WORSE]).verdicts
    assert (short.outcome, short.low, short.high) == (whole.outcome, whole.low, whole.high)
    assert short.outcome == "pass"


def test_a_missing_metric_is_inconclusive() -> None:
    """A gate fails closed: what was not measured does not pass, and the reason names what was."""
    before, after = shifted(3.0)

    result = gate(before, after.rename(columns={BLEU: "COMET by unbabel"}), [NOT_WORSE, "chrF by sacrebleu > 0"])

    assert [verdict.outcome for verdict in result.verdicts] == ["inconclusive"] * 2
    assert not result.passed
    assert "the candidate has no score for it" in result.verdicts[0].reason
    assert "COMET by unbabel" in result.verdicts[0].reason


def test_two_valued_scores_have_their_own_interval() -> None:
    """Right or wrong: 95 of 100 pairs equal, five won, none lost."""
    before, after = [0.0] * 50 + [1.0] * 50, [1.0] * 5 + [0.0] * 45 + [1.0] * 50

    verdict = gate(of(before, metric="accuracy"), of(after, metric="accuracy"), ["accuracy > 0"]).verdicts[0]

    more, fewer, z = 6 / 102, 1 / 102, stats.norm.ppf(0.95)
    half = z * math.sqrt((more + fewer - (more - fewer) ** 2) / 102)
    assert (verdict.low, verdict.high) == pytest.approx((more - fewer - half, more - fewer + half))
    assert verdict.outcome == "pass"


@pytest.mark.parametrize(
    ("failed", "rule", "outcome"),
    [(2, "failure rate <= 2", "pass"), (3, "failure rate <= 2%", "fail"), (2, "Failure rate < 2", "fail")],
)
def test_the_failure_rate_is_the_candidates(failed: int, rule: str, outcome: str) -> None:
    """Percent of all segments that the candidate failed on."""
    before, _ = shifted(0, n=100)

    verdict = gate(before, of([NAN] * failed + [50.0] * (100 - failed)), [rule]).verdicts[0]

    assert (verdict.outcome, verdict.figure, verdict.n) == (outcome, float(failed), 100)


def test_a_segment_without_a_row_has_failed() -> None:
    """Leaving segments out of the file is no way to pass."""
    before, after = shifted(0, n=100)

    verdict = gate(before, after[after["segment_id"] >= 10], ["failure rate <= 2"]).verdicts[0]

    assert (verdict.outcome, verdict.figure) == ("fail", 10.0)


def test_a_frame_without_success_counts_scores() -> None:
    """Without a column Model_success, a segment without any score has failed."""
    before, _ = shifted(0, n=100)
    after = of([NAN] * 7 + [50.0] * 93).drop(columns="Model_success")

    verdict = gate(before.drop(columns="Model_success"), after, ["failure rate <= 2"]).verdicts[0]

    assert verdict.figure == 7.0


def test_the_worst_model_decides_a_rule() -> None:
    """With several models in both frames, all must pass; the verdict names the one that did not."""
    better, worse = noisy(7, 100, before=50.0, after=55.0), noisy(8, 100, before=50.0, after=40.0)
    before = results({"good": better["before"], "bad": worse["before"]})
    after = results({"good": better["after"], "bad": worse["after"]})

    both, one = gate(before, after, [NOT_WORSE]), gate(before, after, [NOT_WORSE], model="good")

    assert (both.verdicts[0].model, both.verdicts[0].outcome) == ("bad", "fail")
    assert (one.verdicts[0].model, one.verdicts[0].outcome) == ("good", "pass")


def test_models_of_one_frame_can_be_gated() -> None:
    """Two models of one job, by name."""
    frame = results(noisy(9, 100, old=50.0, new=54.0))

    result = gate(frame, frame, [NOT_WORSE], model="new", baseline_model="old")

    assert result.passed


def test_a_renamed_model_is_found() -> None:
    """One model in each frame: they are compared whatever their names."""
    before, after = shifted(3.0)

    assert gate(before, after.assign(Model="system v2"), [NOT_WORSE]).passed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "other"}, "there is no model 'other'; the frame has x, y"),
        ({"baseline_model": "other"}, "there is no model 'other'; the frame has x, z"),
        ({}, "the candidate lacks z of the baseline; it has x, y"),
        ({"model": "y"}, "the baseline has no model 'y'; it has x, z. Name one with baseline_model=…"),
        ({"baseline_model": "x"}, "the candidate has several models, x, y; name one with model=…"),
        ({"confidence": 1.0}, "confidence is 1.0"),
    ],
)
def test_models_that_do_not_match_are_explained(arguments: dict[str, object], sentence: str) -> None:
    """A model that is missing is never passed over."""
    scores = [50.0] * 10

    with pytest.raises(AnalysisError, match=sentence):
        gate(
            results({"x": scores, "z": scores}),
            results({"x": scores, "y": scores}),
            [NOT_WORSE],
            **arguments,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    ("rule", "reason", "caret"),
    [
        ("BLEU by sacrebleu", "an operator and a number are missing", 17),
        ("BLEU by sacrebleu >=", "a number is missing", 20),
        ("BLEU by sacrebleu >= half", "'half' is no number", 21),
        ("BLEU by sacrebleu >= 1e999", "'1e999' is no number", 21),
        (">= -0.5", "the name of a metric is missing before it", 0),
        ("TER by sacrebleu <= 1", "a rule bounds the gain over the baseline from below", 17),
        ("failure rate >= 2", "a failure rate is bounded from above", 13),
        ("failure rate <= 200", "a failure rate is between 0 and 100 percent", 16),
        ("BLEU => 2", "=> is no operator of rules", 5),
        ("BLEU = 2", "= is no operator of rules", 5),
    ],
)
def test_a_rule_that_cannot_be_read_is_shown_with_a_caret(rule: str, reason: str, caret: int) -> None:
    """The error shows the rule, and where it goes wrong."""
    before, after = shifted(0)

    with pytest.raises(AnalysisError) as caught:
        gate(before, after, [rule])

    first, shown, pointer = str(caught.value).split("\n")
    assert reason in first
    assert (shown, pointer) == (f"  {rule}", f"  {' ' * caret}^")


@pytest.mark.parametrize("rules", [[], [7], ""])
def test_a_gate_without_rules_is_refused(rules: list[str]) -> None:
    """No rule is no pass."""
    before, after = shifted(0)

    with pytest.raises(AnalysisError, match=r"rule"):
        gate(before, after, rules)


@pytest.fixture
def mixed() -> GateResult:
    """A rule of each outcome, for a model with a hostile name."""
    before, after = shifted(3.0)
    name = "a|b <script>\x00"
    rules = [NOT_WORSE, f"{BLEU} > 10", "chrF by sacrebleu > 0"]
    return gate(before.assign(Model=name), after.assign(Model=name), rules)


def test_a_result_is_true_only_if_all_passed(mixed: GateResult) -> None:
    """`if gate(…)` cannot be wrong."""
    before, after = shifted(3.0)

    assert bool(gate(before, after, [NOT_WORSE])) is True
    assert (bool(mixed), mixed.outcome) == (False, "fail")
    assert mixed.sentence == "Gate failed: of 3 rules, 1 failed and 1 inconclusive."


def test_markdown_keeps_its_table(mixed: GateResult) -> None:
    """One line per rule, and names are text, not markup."""
    lines = mixed.to_markdown().splitlines()

    assert lines[0] == f"**{mixed.sentence}**"
    assert [line.split(" | ")[1] for line in lines[4:]] == ["pass", "fail", "inconclusive"]
    assert all(r"a\|b &lt;script&gt;" in line for line in lines[4:])


def test_junit_counts_failures_and_errors(mixed: GateResult) -> None:
    """CI reads it: a failure for a no, an error for what could not be decided, and nothing skipped."""
    suite = ET.fromstring(mixed.to_junit())

    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "1", "skipped": "0",
    }  # fmt: skip
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["error"]]


def test_a_result_is_json(mixed: GateResult) -> None:
    """NaN becomes null."""
    document = json.loads(json.dumps(mixed.to_dict(), allow_nan=False))

    assert (document["passed"], document["outcome"]) == (False, "fail")
    assert [verdict["low"] is None for verdict in document["verdicts"]] == [False, False, True]
