"""The schedule: pure code, proved for any policy."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import ConfigurationError, PollPolicy
from aiobench._http.retries import LONGEST_RETRY_AFTER
from aiobench._watch.log import reaches_a_power_of_ten
from aiobench._watch.timing import SHORTEST, Waits

policies = st.builds(
    PollPolicy,
    interval=st.floats(0, 1e4, allow_subnormal=False),
    backoff=st.floats(1, 10),
    max_interval=st.floats(0, 1e4),
    jitter=st.floats(0, 2),
)
hints = st.none() | st.floats(0, 1e9)
outcomes = st.lists(st.tuples(st.booleans(), hints), max_size=30)


@given(policies, outcomes, st.integers(), st.floats(0, 1e7))
def test_each_wait_lies_between_the_policy_and_its_jitter(
    policy: PollPolicy, polls: list[tuple[bool, float | None]], seed: int, now: float
) -> None:
    """Never faster than the policy or the server's hint allow, and never slower than the jitter adds."""
    waits = Waits(policy, random.Random(seed))
    first = max(policy.interval, SHORTEST)
    quiet, expected = 0, first
    for changed, hint in polls:
        quiet = 0 if changed else quiet + 1
        wait = waits.after(quiet)
        expected = first if changed else min(expected * policy.backoff, max(first, policy.max_interval))
        assert pytest.approx(expected) == wait
        least = max(wait, min(hint or 0.0, LONGEST_RETRY_AFTER))
        most = least * (1 + policy.jitter) * (1 + 1e-9)
        assert least <= waits.drawn(wait, hint) <= most
        assert now + least <= waits.due(now, wait, hint) <= now + most + 1e-9


def test_polls_share_their_ticks_where_the_jitter_leaves_room() -> None:
    """A hundred waits of 2 to 2.2 s end at four moments; without jitter, each ends when it says."""
    waits, exact = (Waits(PollPolicy(interval=2, jitter=jitter), random.Random(0)) for jitter in (0.1, 0.0))

    moments = {waits.due(7.0, 2.0) for _ in range(100)}

    assert sorted(moments) == pytest.approx([9.0, 9.05, 9.1, 9.15])
    assert exact.due(7.01, 2.0) == 9.01


@given(policies, st.integers())
def test_a_spread_lies_within_one_interval(policy: PollPolicy, seed: int) -> None:
    """F24: polls that would come together are spread over one wait, not longer."""
    assert 0 <= Waits(policy, random.Random(seed)).spread(policy.interval) <= policy.interval * (1 + policy.jitter)


def test_waits_grow_to_the_cap_and_return_on_a_change() -> None:
    """The wait is multiplied by the factor up to the cap, and returns to the interval on a change."""
    waits = Waits(PollPolicy(interval=2, backoff=2, max_interval=10, jitter=0), random.Random(0))
    assert [waits.drawn(waits.after(quiet)) for quiet in range(5)] == [2, 4, 8, 10, 10]


@given(policies)
def test_a_very_long_silence_is_no_overflow(policy: PollPolicy) -> None:
    """A job that does not change for a million polls is polled at the longest wait."""
    waits = Waits(policy, random.Random(0))
    first = max(policy.interval, SHORTEST)
    longest = max(first, policy.max_interval)
    assert first <= waits.after(1e6) <= longest
    assert waits.after(float("inf")) == (longest if policy.backoff > 1 else first)


@pytest.mark.parametrize("interval", [0, 0.0, 1e-9])
def test_a_policy_without_waits_is_no_flood(interval: float) -> None:
    """An interval of nothing means 100 polls a second, not as many as the machine can send."""
    waits = Waits(PollPolicy(interval=interval, max_interval=0, jitter=0), random.Random(0))

    assert [waits.drawn(waits.after(quiet)) for quiet in range(3)] == [0.01, 0.01, 0.01]


def test_an_hour_is_the_longest_hint() -> None:
    """F08: a Retry-After of over an hour counts as an hour."""
    waits = Waits(PollPolicy(jitter=0), random.Random(0))
    assert waits.drawn(2.0, 86_400.0) == 3600


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), "2", True, None])
@pytest.mark.parametrize("setting", ["interval", "backoff", "max_interval", "jitter"])
def test_a_policy_refuses_what_is_no_number_of_seconds(setting: str, bad: object) -> None:
    """A policy that could not be followed is refused when it is made."""
    with pytest.raises(ConfigurationError, match=setting):
        PollPolicy(**{setting: bad})  # type: ignore[arg-type]


def test_a_backoff_below_one_is_refused() -> None:
    """A wait that shrinks would poll faster and faster."""
    with pytest.raises(ConfigurationError, match="backoff"):
        PollPolicy(backoff=0.5)


def test_terminal_takes_a_set_of_statuses() -> None:
    """One string for the terminal statuses is a mistake that would match single letters."""
    with pytest.raises(ConfigurationError, match="terminal"):
        PollPolicy(terminal="completed")  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["completed", "COMPLETED", "Timed-Out", "timed_out", "Cancelled"])
def test_statuses_are_compared_without_case_and_hyphens(status: str) -> None:
    """A status is an end whatever its case, with `-` and `_` alike."""
    assert PollPolicy().is_terminal(status)


def test_a_policy_can_name_other_ends() -> None:
    """`PollPolicy(terminal=)` replaces the set of ends."""
    policy = PollPolicy(terminal=frozenset({"Re-Scored"}))
    assert [policy.is_terminal("re_scored"), policy.is_terminal("completed")] == [True, False]


def test_the_log_is_told_at_powers_of_ten() -> None:
    """F13: the 1st, 10th, 100th poll is reported, no other."""
    assert [times for times in range(2000) if reaches_a_power_of_ten(times)] == [1, 10, 100, 1000]


@pytest.mark.parametrize(
    ("value", "seconds"), [(timedelta(minutes=1), 60.0), (np.int64(3), 3.0), (np.float32(0.5), 0.5), (7, 7.0)]
)
def test_intervals_are_numbers_of_any_kind(value: float, seconds: float) -> None:
    """A `timedelta` and numpy's numbers are read as seconds."""
    policy = PollPolicy(interval=value, max_interval=value)

    assert (policy.interval, policy.max_interval) == (seconds, seconds)


@pytest.mark.parametrize("setting", ["interval", "backoff", "max_interval", "jitter"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "2", None])
def test_what_is_no_interval_is_refused(setting: str, value: object) -> None:
    """The error names the setting and the value."""
    with pytest.raises(ConfigurationError, match=rf"PollPolicy\({setting}=\) must be a number of at least"):
        PollPolicy(**{setting: value})  # type: ignore[arg-type]
