"""Two models are compared on the same segments, with scipy's and statsmodels' figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from aiobench.analysis import AnalysisError, compare, compare_all
from analysis.frames import BLEU, NAN, TER, noisy, results


def test_a_model_that_skips_the_hardest_segments_is_not_better() -> None:
    """Averages of different segments are not compared: on the common ones, the difference is 0."""
    frame = results({"all": [0.0] * 34 + [60.0, 70.0, 80.0] * 20, "choosy": [NAN] * 34 + [60.0, 70.0, 80.0] * 20})

    comparison = compare(frame, "all", "choosy", metric=BLEU)

    assert (comparison.n, comparison.difference, comparison.verdict) == (60, 0.0, "undecided")
    assert (comparison.only_a, comparison.only_b, comparison.failed_a, comparison.failed_b) == (34, 0, 0, 34)


def test_a_failed_segment_may_score_the_worst() -> None:
    """With on="worst", every segment counts, and a failed one scores what an empty output does."""
    frame = results({"all": [50.0] * 20 + [60.0] * 20, "choosy": [NAN] * 20 + [60.0] * 20})

    comparison = compare(frame, "all", "choosy", metric=BLEU, on="worst")

    assert (comparison.n, comparison.difference, comparison.verdict) == (40, 25.0, "a")


def test_each_model_may_count_its_own_segments() -> None:
    """With on="all", means are those of the averages, and the test is Welch's: nothing is paired."""
    scores = {"a": [*noisy(1, 50, a=50)["a"]], "b": [*noisy(2, 40, b=45)["b"], *[NAN] * 10]}

    comparison = compare(results(scores), "a", "b", metric=BLEU, on="all")

    expected = stats.ttest_ind(scores["a"], scores["b"][:40], equal_var=False)
    assert expected.pvalue == pytest.approx(comparison.p_value)
    assert np.mean(scores["a"]) - np.mean(scores["b"][:40]) == pytest.approx(comparison.difference)


def test_interval_and_p_are_scipys() -> None:
    """Many pairs: the paired t-test's p and interval."""
    scores = noisy(3, 400, a=50, b=51)

    comparison = compare(results(scores), "a", "b", metric=BLEU)

    expected = stats.ttest_rel(scores["a"], scores["b"])
    assert expected.pvalue == pytest.approx(comparison.p_value)
    assert tuple(expected.confidence_interval(0.95)) == pytest.approx((comparison.low, comparison.high))


@pytest.mark.parametrize("n", [5, 12, 40])
def test_few_pairs_are_tested_by_flipping_signs(n: int) -> None:
    """Few pairs: scipy's permutation test, exact where all flips can be made."""
    scores = noisy(4, n, a=50, b=52)

    comparison = compare(results(scores), "a", "b", metric=BLEU)

    gaps = np.subtract(scores["a"], scores["b"])
    expected = stats.permutation_test((gaps,), np.mean, permutation_type="samples", n_resamples=99_999, rng=1)
    assert expected.pvalue == pytest.approx(comparison.p_value, abs=0.015)


def test_two_valued_scores_are_compared_as_proportions() -> None:
    """Right or wrong: McNemar's mid-p and the interval of Bonett and Price, by their worked formulas."""
    right = [1.0] * 59 + [1.0] * 6 + [0.0] * 16 + [0.0] * 80
    other = [1.0] * 59 + [0.0] * 6 + [1.0] * 16 + [0.0] * 80

    comparison = compare(results({"a": right, "b": other}), "a", "b", metric=BLEU)

    exact = mcnemar([[59, 6], [16, 80]], exact=True).pvalue
    assert exact - stats.binom.pmf(6, 22, 0.5) == pytest.approx(comparison.p_value)
    more, fewer = 7 / 163, 17 / 163
    half = stats.norm.ppf(0.975) * ((more + fewer - (more - fewer) ** 2) / 163) ** 0.5
    assert (more - fewer - half, more - fewer + half) == pytest.approx((comparison.low, comparison.high))


def test_clusters_have_statsmodels_standard_error() -> None:
    """Segments of one document are not independent: the error is that of OLS with clusters."""
    scores = noisy(5, 300, a=50, b=51)
    document = np.repeat(np.arange(30), 10)
    shift = np.random.default_rng(6).normal(0, 5, 30)[document]
    scores["a"] = list(np.add(scores["a"], shift))

    comparison = compare(results(scores, document=document), "a", "b", metric=BLEU, cluster="document")

    gaps = np.subtract(scores["a"], scores["b"])
    fit = OLS(gaps, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": document}, use_t=True)
    assert tuple(fit.conf_int()[0]) == pytest.approx((comparison.low, comparison.high))
    plain = compare(results(scores), "a", "b", metric=BLEU)
    assert comparison.high - comparison.low > 1.5 * (plain.high - plain.low)


def test_lower_is_better_for_error_rates() -> None:
    """TER and its like are read the other way round, by name or when the caller says so."""
    scores = noisy(7, 100, a=40, b=50)

    assert compare(results(scores, TER), "a", "b", metric=TER).verdict == "a"
    assert compare(results(scores, BLEU), "a", "b", metric=BLEU).verdict == "b"
    assert compare(results(scores, "mine"), "a", "b", metric="mine", lower_is_better=["mine"]).verdict == "a"


def test_few_pairs_cannot_decide() -> None:
    """Five differences of one sign have p = 0.06: no verdict, however alike they are."""
    frame = results({"a": [50.0, 51.0, 52.0, 53.0, 54.0], "b": [40.0, 41.0, 42.0, 43.0, 44.0]})

    comparison = compare(frame, "a", "b", metric=BLEU)

    assert (comparison.p_value, comparison.verdict) == (2 / 2**5, "undecided")


def test_one_pair_says_nothing() -> None:
    """One segment has a difference, but no interval, and JSON has null for that."""
    comparison = compare(results({"a": [50.0], "b": [40.0]}), "a", "b", metric=BLEU)

    assert (
        comparison.n, comparison.difference, comparison.p_value, comparison.verdict,
    ) == (1, 10.0, 1.0, "undecided")  # fmt: skip
    assert json.loads(json.dumps(comparison.to_dict(), allow_nan=False))["low"] is None


def test_infinite_and_failed_scores_do_not_count() -> None:
    """An infinite score is none, and neither is the 0 in a row of a failed segment."""
    frame = results({"a": [1.0, 2.0, float("inf"), 4.0], "b": [1.0, 2.0, 3.0, 0.0]})
    frame.loc[7, "Model_success"] = False

    comparison = compare(frame, "a", "b", metric=BLEU)

    assert (comparison.n, comparison.failed_a, comparison.failed_b) == (2, 1, 1)


def test_rounding_is_no_difference() -> None:
    """Scores that differ in their last digits are ties."""
    scores = [0.1 * number for number in range(50)]
    frame = results({"a": scores, "b": [score * (1 + 1e-15) for score in scores]})

    comparison = compare(frame, "a", "b", metric=BLEU)

    assert (comparison.ties, comparison.p_value) == (50, 1.0)


def test_the_sentence_says_it_all() -> None:
    """The first thing shown is a sentence: who, on what, by how much, how sure, and what was left out."""
    scores = noisy(8, 215, A=50, B=60)
    scores["A"][:34] = [NAN] * 34

    comparison = compare(results(scores, "chrF by sacrebleu"), "A", "B", metric="chrF by sacrebleu")

    assert str(comparison).startswith("B is better than A on chrF by sacrebleu by ")
    assert ", on 181 segments that both have a score for; 34 that only one has were left out.\n" in str(comparison)


def test_a_name_cannot_become_markup() -> None:
    """A model's name is text, in a notebook and in a terminal."""
    scores = noisy(9, 20, a=1, b=2)
    frame = results({"<script>": scores["a"], "\x1b[2J": scores["b"]})

    comparison = compare(frame, "<script>", "\x1b[2J", metric=BLEU)

    assert "<script>" not in comparison._repr_html_()
    assert "\x1b" not in str(comparison)


@pytest.mark.parametrize("name", ["BLEU by sacrebleu", "BLEU", "bleu", "bleu BY SacreBLEU"])
def test_a_metric_may_be_named_without_its_supplier(name: str) -> None:
    """As tables head it, in any case; the result has the whole name, and the direction goes by any of them."""
    scores = noisy(9, 20, a=1, b=2)
    comparison = compare(results(scores), "a", "b", metric=name, lower_is_better=["bleu"])

    assert comparison == compare(results(scores), "a", "b", metric=BLEU, lower_is_better=[BLEU])
    assert (comparison.metric, comparison.lower_is_better) == (BLEU, True)


def test_models_may_be_numbers() -> None:
    """As in the frame of somebody who numbers runs."""
    frame = results(noisy(9, 20, a=1, b=2))
    frame["Model"] = frame["Model"].map({"a": 1, "b": 2})
    assert (compare(frame, 1, 2, metric=BLEU).a, compare(frame, "1", "2", metric=BLEU).a) == ("1", "1")  # type: ignore[arg-type]


def test_a_short_name_of_two_metrics_is_refused() -> None:
    """The whole names are shown."""
    frame = results(noisy(9, 20, a=1, b=2)).assign(**{"BLEU by other": 1.0})
    with pytest.raises(AnalysisError, match="'BLEU' can be BLEU by sacrebleu or BLEU by other; give its whole name"):
        compare(frame, "a", "b", metric="BLEU")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": ["BLEU"]}, r"a metric is named by a text, not by \['BLEU'\]; the frame has BLEU by sacrebleu"),
        ({"metric": None}, r"a metric is named by a text, not by None"),
        ({"metric": "chrF"}, r"there is no metric 'chrF'; the frame has BLEU by sacrebleu"),
        ({"metric": BLEU, "b": "c"}, r"there is no model 'c'; the frame has a, b"),
        ({"metric": BLEU, "b": "a"}, r"the same model"),
        ({"metric": BLEU, "on": "some"}, r"choose common, worst or all"),
        ({"metric": BLEU, "cluster": "document"}, r"there is no column 'document'"),
        ({"metric": BLEU, "confidence": 95}, r"between 0 and 1"),
        ({"metric": "source"}, r"'source' is not a metric"),
    ],
)
def test_what_is_not_there_is_named(arguments: dict[str, str], message: str) -> None:
    """An error names what the frame does have."""
    frame = results({"a": [1.0, 2.0], "b": [2.0, 3.0]})

    with pytest.raises(AnalysisError, match=message):
        compare(frame, "a", **{"b": "b", **arguments})


def test_nothing_in_common_is_an_error() -> None:
    """Models that share no segment cannot be compared, and the error counts what each has."""
    with pytest.raises(AnalysisError, match="no common segment"):
        compare(results({"a": [1.0, NAN], "b": [NAN, 1.0]}), "a", "b", metric=BLEU)


def test_a_constant_column_is_an_error() -> None:
    """Where every score is the same, there is nothing to compare."""
    with pytest.raises(AnalysisError, match="is 7 on all 3 segments"):
        compare(results({"a": [7.0] * 3, "b": [7.0] * 3}), "a", "b", metric=BLEU)


def test_a_family_is_corrected() -> None:
    """All pairs on all metrics are one family, adjusted as statsmodels does, and verdicts follow."""
    scores = noisy(10, 60, a=50, b=52, c=51, d=50)
    frame = results(scores)
    frame[TER] = -frame[BLEU]

    for correction, method in (("holm", "holm"), ("benjamini-hochberg", "fdr_bh")):
        table = compare_all(frame, correction=correction)
        assert len(table) == 12
        assert list(multipletests(table["p_value"], method=method)[1]) == pytest.approx(list(table["p_adjusted"]))
        assert (table["verdict"] != "undecided").tolist() == (table["p_adjusted"] <= 0.05).tolist()
    against = compare_all(frame, metrics=[BLEU], baseline="b")
    assert (list(against["a"]), list(against["b"])) == (["a", "c", "d"], ["b"] * 3)


def test_a_large_family_of_equals_has_no_winner() -> None:
    """50 models on 4 metrics, all equal: Holm lets no pair of 4,900 pass for better."""
    random = np.random.default_rng(11)
    frame = results({f"m{number}": list(random.normal(50, 10, 210)) for number in range(50)})
    for number in range(3):
        frame[f"metric {number} by nobody"] = random.normal(50, 10, len(frame))

    table = compare_all(frame)

    assert len(table) == 4 * 1225
    assert set(table["verdict"]) == {"undecided"}
