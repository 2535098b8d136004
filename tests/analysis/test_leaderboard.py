"""Models are ranked on the same segments, and only those that nothing is surely better than are best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from aiobench.analysis import AnalysisError, by, leaderboard, minimum_detectable_effect, segments_needed, worst_segments
from analysis.frames import BLEU, NAN, TER, noisy, results


def row(table: pd.DataFrame, model: str, metric: str = BLEU) -> pd.Series:
    """Return a model's row."""
    return table[(table["Model"] == model) & (table["metric"] == metric)].iloc[0]


def test_columns_are_the_interfaces() -> None:
    """The leaderboard has the columns that it promises, the best model first."""
    table = leaderboard(results(noisy(1, 100, a=50, b=60)))

    assert list(table) == ["Model", "metric", "n", "failed", "mean", "low", "high", "rank_low", "rank_high", "best"]
    assert list(table["Model"]) == ["b", "a"]


def test_a_model_that_skips_the_hardest_segments_is_not_best_alone() -> None:
    """Means are of common segments, where the two are equal: both are best."""
    easy = list(np.random.default_rng(2).normal(60, 5, 60))
    table = leaderboard(results({"all": [*[1.0] * 34, *easy], "choosy": [*[NAN] * 34, *easy]}))

    assert list(table["best"]) == [True, True]
    assert list(table["n"]) == [60, 60]
    assert (row(table, "all")["failed"], row(table, "choosy")["failed"]) == (0, 34)


def test_best_is_who_cannot_be_told_from_the_first() -> None:
    """Two that are close are both best; one that is surely worse is not."""
    table = leaderboard(results(noisy(3, 100, a=50.0, b=50.1, c=40)))

    assert dict(zip(table["Model"], table["best"], strict=True)) == {"a": True, "b": True, "c": False}
    assert {line["Model"]: (line["rank_low"], line["rank_high"]) for _, line in table.iterrows()} == {
        "a": (1, 2),
        "b": (1, 2),
        "c": (3, 3),
    }


def test_the_lowest_is_first_where_lower_is_better() -> None:
    """Direction is respected in order and rank."""
    table = leaderboard(results(noisy(4, 100, a=50, b=60), TER))

    assert (list(table["Model"]), list(table["best"])) == (["a", "b"], [True, False])


def test_rates_have_wilsons_interval() -> None:
    """The interval of one model's rate is Wilson's, on the metric's own scale."""
    values = [100.0] * 21 + [0.0] * 9
    line = row(leaderboard(results({"a": values}, "Exact match"), metrics=["Exact match"]), "a", "Exact match")

    low, high = proportion_confint(21, 30, method="wilson")
    assert (100 * low, 100 * high) == pytest.approx((line["low"], line["high"]))


def test_a_bounded_metric_stays_within_its_bounds() -> None:
    """The interval of a BLEU near 100 does not pass 100."""
    values = [100.0] * 18 + [99.0, 70.0]
    line = row(leaderboard(results({"a": values})), "a")

    assert line["low"] < line["mean"] < line["high"] < 100


def test_clusters_widen_the_interval() -> None:
    """Ten copies of each segment are no more evidence than one."""
    values = noisy(5, 20, a=0)["a"]
    frame = results({"a": np.repeat(values, 10)}, "score by nobody", document=np.repeat(np.arange(20), 10))

    line = row(leaderboard(frame, cluster="document"), "a", "score by nobody")

    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((line["low"], line["high"]))


def test_a_model_without_any_score_is_last_and_costs_the_others_nothing() -> None:
    """A model that failed altogether is listed with n = 0, and what is common is common to the others."""
    table = leaderboard(results({"dead": [NAN] * 50, **noisy(6, 50, a=50, b=60)}))

    assert list(table["Model"]) == ["b", "a", "dead"]
    assert tuple(row(table, "dead")[["n", "failed", "best"]]) == (0, 50, False)
    assert row(table, "a")["n"] == 50


def test_one_segment_and_constants_rank_nobody() -> None:
    """One segment, or scores that never differ, tell no model from another."""
    assert list(leaderboard(results({"a": [50.0], "b": [40.0]}))["best"]) == [True, True]
    assert list(leaderboard(results({"a": [7.0] * 30, "b": [7.0] * 30}))["best"]) == [True, True]


def test_the_same_arguments_give_the_same_figures() -> None:
    """What is simulated is seeded."""
    frame = results(noisy(7, 40, a=50, b=51, c=52, d=53))

    pd.testing.assert_frame_equal(leaderboard(frame), leaderboard(frame))


def test_equal_texts_are_told_apart_by_occurrence() -> None:
    """Without an id, the first "Yes" of one model is the first "Yes" of the other."""
    frame = results({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0]}).drop(columns="segment_id")
    frame["source"] = ["Yes", "No", "Yes"] * 2

    assert list(leaderboard(frame)["n"]) == [3, 3]


def test_order_of_rows_does_not_matter() -> None:
    """Segments are found by id, not by place."""
    frame = results(noisy(8, 50, a=50, b=60))

    shuffled = frame.sample(frac=1, random_state=1)

    expected = leaderboard(frame).sort_values("Model", ignore_index=True)
    pd.testing.assert_frame_equal(expected, leaderboard(shuffled).sort_values("Model", ignore_index=True))


def test_a_segment_twice_is_an_error() -> None:
    """Rows that say two things of one segment are not averaged away."""
    frame = results({"a": [1.0, 2.0], "b": [1.0, 2.0]})

    with pytest.raises(AnalysisError, match="model 'a' has 1 segments more than once"):
        leaderboard(pd.concat([frame, frame.iloc[:1]]))


def test_runs_of_one_model_are_told_apart_by_job() -> None:
    """Two jobs of one benchmark: the model is shown once for each."""
    frames = [results({"a": values}).assign(job_id=job) for job, values in (("j1", [1.0, 2.0]), ("j2", [3.0, 4.0]))]

    assert set(leaderboard(pd.concat(frames))["Model"]) == {"a (j1)", "a (j2)"}


def test_two_datasets_that_count_from_0_are_not_one() -> None:
    """Ids of two jobs are the same segment only if the text is: two datasets are pooled, not paired."""
    frames = [
        results(noisy(seed, 20, a=50, b=60)).assign(job_id=job, source=[f"{job} {i % 20}" for i in range(40)])
        for seed, job in ((1, "j1"), (2, "j2"))
    ]

    assert list(leaderboard(pd.concat(frames))["n"]) == [40, 40]
    with pytest.raises(AnalysisError, match="several datasets"):
        leaderboard(pd.concat(frames).drop(columns="job_id"))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"model": ["a"]}), "no column 'Model'; the frame has model"),
        (pd.DataFrame({"Model": ["a"], BLEU: [1.0]}), "no column segment_id or source"),
        (results({"a": [1.0]}).iloc[:0], "no rows"),
        (results({"a": [1.0]}, "mine"), "no column has the name of a metric"),
        (results({"a": [NAN]}), "no model has a score"),
        (results({"a": [1.0, NAN], "b": [NAN, 1.0]}), "no common segment"),
    ],
)
def test_a_frame_of_no_use_is_said_to_be(frame: pd.DataFrame, message: str) -> None:
    """An error names what is missing and what there is."""
    with pytest.raises(AnalysisError, match=message):
        leaderboard(frame)


def test_a_breakdown_is_of_groups() -> None:
    """Each group has its own means; rows without a value are a group, too."""
    topics = ["news", "news", "talk", None]
    table = by(results({"a": [1.0, 3.0, 5.0, 9.0], "b": [2.0, NAN, 5.0, 9.0]}, topic=topics), "topic", metric=BLEU)

    assert [tuple(r) for r in table[["topic", "Model", "n", "mean"]][:2].to_numpy()] == [
        ("news", "a", 1, 1.0),
        ("news", "b", 1, 2.0),
    ]
    assert list(dict.fromkeys(table["topic"])) == ["news", "talk", "(missing)"]


def test_lengths_are_put_into_bins() -> None:
    """A column of texts is cut by its length in words."""
    sources = [" ".join(["word"] * (1 + number % 9)) for number in range(90)]
    table = by(results({"a": list(range(90))}).assign(source=sources), "source", metric=BLEU, bins=3)

    assert list(table["n"]) == [30, 30, 30]


def test_the_worst_segments_come_first() -> None:
    """The worst are the lowest scores, or the largest losses against another model; failed ones are counted."""
    frame = results({"a": [50.0, 10.0, NAN, 30.0], "b": [50.0, 11.0, 90.0, 90.0]})

    worst = worst_segments(frame, metric=BLEU, model="a", n=2)
    losses = worst_segments(frame, metric=BLEU, model="a", n=1, versus="b")

    assert (list(worst["segment_id"]), worst.attrs["failed"]) == ([1, 3], 1)
    assert list(losses[["segment_id", "hypothesis", "hypothesis (b)", "difference"]].iloc[0]) == [
        3,
        "a says 3",
        "b says 3",
        -60.0,
    ]


def test_power_and_effect_are_each_others_inverse() -> None:
    """So many segments show the effect that they are said to be needed for."""
    frame = results(noisy(9, 200, a=50, b=51))

    effect = minimum_detectable_effect(frame, "a", "b", metric=BLEU)

    assert pytest.approx(segments_needed(frame, "a", "b", metric=BLEU, effect=effect), abs=1) == 200
    with pytest.raises(AnalysisError, match="does not vary"):
        segments_needed(results({"a": [1.0, 2.0], "b": [1.0, 2.0]}), "a", "b", metric=BLEU, effect=1)
