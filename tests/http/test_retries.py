"""Retries: full jitter, and a budget that an outage cannot multiply."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._http.retries import FIRST_DELAY, LONGEST_DELAY, RetryBudget, backoff


@pytest.mark.parametrize(
    ("attempt", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (5000, 8.0)]
)
def test_backoff_is_drawn_from_zero_to_a_bound_that_doubles(attempt: int, bound: float) -> None:
    """Full jitter: anything from 0 to the bound, which doubles up to 8 s, however many attempts there were."""
    generator = random.Random(1)
    drawn = [backoff(attempt, generator) for _ in range(500)]

    assert 0.0 <= min(drawn) < 0.1 * bound
    assert 0.9 * bound < max(drawn) <= bound
    assert (0.5, 8.0) == (FIRST_DELAY, LONGEST_DELAY)


def test_budget_never_stops_retries_while_half_succeed() -> None:
    """While at most half of the last 100 requests failed, every retry passes, at whatever rate (FAULTS F09)."""
    budget = RetryBudget()
    for _ in range(500):
        budget.record(failed=True)
        budget.record(failed=False)

    assert all(budget.allows(now=0.0) for _ in range(1000))


def test_budget_lets_ten_a_second_pass_in_an_outage() -> None:
    """When most requests fail, ten retries a second pass and no more (FAULTS F09)."""
    budget = RetryBudget()
    for _ in range(100):
        budget.record(failed=True)

    passed = [now / 1000 for now in range(5000) if budget.allows(now / 1000)]

    assert 50 == len(passed)
    assert all(later - earlier >= 1.0 for earlier, later in zip(passed, passed[10:], strict=False))


def test_budget_recovers_with_the_server() -> None:
    """Fifty successes after an outage open the budget again."""
    budget = RetryBudget()
    for _ in range(100):
        budget.record(failed=True)
    for _ in range(49):
        budget.record(failed=False)
    during = sum(budget.allows(0.0) for _ in range(100))
    budget.record(failed=False)

    assert (10, 100) == (during, sum(budget.allows(0.0) for _ in range(100)))


@given(st.lists(st.booleans(), max_size=300))
def test_budget_counts_the_last_hundred(outcomes: list[bool]) -> None:
    """The budget is open exactly while at most 50 of the last 100 requests failed."""
    budget = RetryBudget()
    for failed in outcomes:
        budget.record(failed=failed)

    is_open = all(budget.allows(0.0) for _ in range(11))

    assert (sum(outcomes[-100:]) <= 50) == is_open
