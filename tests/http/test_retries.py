"""Retries: full jitter, and a budget that an outage cannot multiply."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import errors
from aiobench._http.replies import Reply, error_of
from aiobench._http.retries import FIRST_DELAY, LONGEST_DELAY, RetryBudget, backoff, is_retried, retry_in


@pytest.mark.parametrize(
    ("attempt", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (5000, 8.0)]
)
def test_backoff_is_drawn_from_zero_to_a_bound_that_doubles(attempt: int, bound: float) -> None:
    """Full jitter: anything from 0 to the bound, which doubles up to 8 s, however many attempts there were."""
    generator = random.Random(1)
    drawn = [backoff(attempt, generator) for _ in range(500)]

    assert 0.0 <= min(drawn) < 0.1 * bound
    assert 0.9 * bound < max(drawn) <= bound
    assert (FIRST_DELAY, LONGEST_DELAY) == (0.5, 8.0)


def test_budget_never_stops_retries_while_half_succeed() -> None:
    """While at most half of the last 100 requests failed, every retry passes, at whatever rate (F09)."""
    budget = RetryBudget()
    for _ in range(500):
        budget.record(failed=True)
        budget.record(failed=False)

    assert all(budget.allows(now=0.0) for _ in range(1000))


def test_budget_lets_ten_a_second_pass_in_an_outage() -> None:
    """When most requests fail, ten retries a second pass and no more (F09)."""
    budget = RetryBudget()
    for _ in range(100):
        budget.record(failed=True)

    passed = [now / 1000 for now in range(5000) if budget.allows(now / 1000)]

    assert len(passed) == 50
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

    assert (during, sum(budget.allows(0.0) for _ in range(100))) == (10, 100)


@given(st.lists(st.booleans(), max_size=300))
def test_budget_counts_the_last_hundred(outcomes: list[bool]) -> None:
    """The budget is open exactly while at most 50 of the last 100 requests failed."""
    budget = RetryBudget()
    for failed in outcomes:
        budget.record(failed=failed)

    is_open = all(budget.allows(0.0) for _ in range(11))

    assert (sum(outcomes[-100:]) <= 50) == is_open


def status(code: int, **headers: str) -> Exception:
    """Make the error of a status."""
    error = error_of(Reply("job J", code, {name.replace("_", "-"): value for name, value in headers.items()}, b""))
    assert error is not None
    return error


AGAIN = {408, 409, 421, 423, 425, 429, 499}


@pytest.mark.parametrize("code", range(400, 600))
def test_which_statuses_are_asked_again(code: int) -> None:
    """Seven of the 4xx and every 5xx may pass; every other status is final."""
    assert (code in AGAIN or code >= 500) == is_retried(status(code))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.APIConnectionError("reset"), True),
        (errors.APITimeoutError("late"), True),
        (errors.APIConnectionError("unknown authority", permanent=True), False),
        (errors.InvalidResponseError("not JSON"), True),
        (errors.InvalidResponseError("9 MB", too_large=True), False),
        (status(302, location="https://login.example"), False),
        (errors.IntegrityError("cut", job_id="J", url="https://x"), True),
        (errors.ClientClosedError("closed"), False),
        (ValueError("a fault of ours"), False),
    ],
)
def test_which_errors_are_asked_again(error: Exception, expected: bool) -> None:
    """Connection troubles and replies that make no sense may pass; what would be the same again is final."""
    assert is_retried(error) == expected


@pytest.mark.parametrize(
    ("error", "limits", "expected"),
    [
        (status(503), {}, 2.0),
        (status(503, retry_after="30"), {}, 30.0),
        (status(503, retry_after="1"), {}, 2.0),
        (status(503, retry_after="1000000"), {}, 3600.0),
        (status(429, retry_after="30"), {"longest": 29.0}, None),
        (status(429, retry_after="30"), {"longest": 30.0}, 30.0),
        (status(503), {"attempt": 5, "max_retries": 4}, None),
        (status(503), {"attempt": 4, "max_retries": 4}, 2.0),
        (status(503), {"budget": lambda: False}, None),
        (status(503), {"is_idempotent": False}, None),
        (status(408), {"is_idempotent": False}, None),
        (status(409), {"is_idempotent": False}, None),
        (status(425), {"is_idempotent": False}, 2.0),
        (status(429), {"is_idempotent": False}, 2.0),
        (errors.APIConnectionError("refused", maybe_sent=False), {"is_idempotent": False}, 2.0),
        (errors.APIConnectionError("reset"), {"is_idempotent": False}, None),
        (status(404), {}, None),
    ],
)
def test_what_follows_an_error(error: Exception, limits: dict[str, Any], expected: float | None) -> None:
    """The wait is the caller's own or what the server asks for, within the caller's limits; None ends it."""
    assert retry_in(error, wait=2.0, **limits) == expected


def test_the_budget_is_asked_last() -> None:
    """An error that is final uses up no retry."""
    asked: list[bool] = []
    retry_in(status(404), wait=1.0, budget=lambda: asked.append(True) or True)
    retry_in(status(503), wait=1.0, attempt=2, max_retries=1, budget=lambda: asked.append(True) or True)
    assert asked == []
