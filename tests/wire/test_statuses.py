"""Statuses: two sets that are known, and all the others."""

from __future__ import annotations

import pytest

from aiobench import PENDING_STATUSES, TERMINAL_STATUSES
from aiobench._wire.statuses import is_known, normalized, shown

PENDING = """draft created scheduled pending queued initiated starting in_progress running processing canceling
    cancelling"""
TERMINAL = """completed success succeeded failed canceled cancelled error errored aborted stopped rejected expired
    deleted timed_out"""


def test_the_sets_are_those_of_the_interface() -> None:
    """Both sets hold what the interface names, and share nothing."""
    assert set(PENDING.split()) == PENDING_STATUSES
    assert set(TERMINAL.split()) == TERMINAL_STATUSES
    assert set() == PENDING_STATUSES & TERMINAL_STATUSES


@pytest.mark.parametrize("status", ["timed_out", "timed-out", "TIMED_OUT", "Timed-Out"])
def test_case_and_hyphens_do_not_matter(status: str) -> None:
    """Statuses are compared without regard to case, `-` and `_` alike."""
    assert normalized(status) == "timed_out"


@pytest.mark.parametrize(
    ("status", "known"),
    [("running", True), ("completed", True), ("archived", True), ("re_scoring", False), ("", False)],
)
def test_known_is_pending_terminal_or_named_by_the_policy(status: str, known: bool) -> None:
    """A status means something if either set or the policy's own names it."""
    assert known == is_known(status, {"archived"})


def test_a_status_is_shown_on_one_short_line() -> None:
    """F33: in logs, errors and displays a status is printable and not longer than a line."""
    assert shown("in_progress") == "in_progress"
    assert shown("a\x1b[2J\nb") == "a\ufffd[2J\ufffdb"
    assert len(shown("x" * 4_000_000)) == 101
