"""Intervals hold the truth as often as they say, and tests are not fooled: a short run of `tools/simulate.py`."""

from __future__ import annotations

import re

import numpy as np
import pytest

from aiobench.analysis.intervals import mean_interval
from scripts import loaded

tool = loaded("simulate")
POPULATIONS = {population.name: population for population in (*tool.MEANS, *tool.DIFFERENCES)}
NULLS = {pairs.name: pairs for pairs in tool.NULLS}


@pytest.mark.parametrize("n", [30, 300])
@pytest.mark.parametrize("name", POPULATIONS)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str, n: int) -> None:
    """95% intervals cover 93 to 97% of 1,000 draws: skewed scores, ties, two values and clusters."""
    assert 93.0 <= tool.covered(POPULATIONS[name], n, 1_000, peers=False)["ours"] <= 97.0


@pytest.mark.parametrize("name", NULLS)
def test_equal_models_are_seldom_told_apart(name: str) -> None:
    """At 0.05 in 5% of the draws; 100 draws of five in a hundred are above 12 once in a thousand runs."""
    assert tool.false_positives(NULLS[name], 30, 100) <= 12.0


def test_the_page_has_the_tables_of_the_tool() -> None:
    """Every population and size is there, and every figure of ours is within what the page promises."""
    page = tool.PAGE.read_text("utf-8")
    table = page.partition("<!-- simulated -->")[2].partition("<!-- /simulated -->")[0]
    rows = re.findall(r"^\| ([^|]+?) \| ([\d,]+) \| ([\d.]+) \|(.*)$", table, re.MULTILINE)
    means = [(name, float(share)) for name, _, share, rest in rows if rest]
    equal = [(name, float(share)) for name, _, share, rest in rows if not rest]

    assert [name for name, _ in means] == [each.name for each in (*tool.MEANS, *tool.DIFFERENCES) for _ in tool.SIZES]
    assert [name for name, _ in equal] == [each.name for each in tool.NULLS for _ in tool.SIZES]
    assert all(93.0 <= share <= 97.0 for _, share in means)
    assert all(share <= 6.0 for _, share in equal)


def test_a_mean_of_none_below_zero_is_not_below_it() -> None:
    """One segment that is far off widens the interval, and not beyond what can be."""
    scores = np.array([0.0] * 38 + [200.0])
    interval = mean_interval(scores, confidence=0.95)
    assert interval.low == 0.0
    assert mean_interval(np.append(scores, -0.1), confidence=0.95).low < 0.0
