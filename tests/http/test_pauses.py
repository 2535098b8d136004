"""Pauses: when one request is asked to wait, the whole client waits."""

from __future__ import annotations

import pytest

from aiobench._http.retries import Pauses

A, B = "https://a.example", "https://b.example"


@pytest.mark.parametrize(("asked", "pause"), [(30.0, 30.0), (0.0, 0.0), (None, 1.0), (3600.0, 3600.0), (1e12, 3600.0)])
def test_pause_is_what_was_asked(asked: float | None, pause: float) -> None:
    """A hint is the pause, none is a second, and more than an hour an hour."""
    pauses = Pauses()
    pauses.extend(A, asked, now=100.0)

    assert pause == pauses.remaining(A, now=100.0)


def test_pause_passes() -> None:
    """What is left of a pause shrinks with the time, to nothing."""
    pauses = Pauses()
    pauses.extend(A, 30.0, now=100.0)

    assert [pauses.remaining(A, now) for now in (110.0, 130.0, 1000.0)] == [20.0, 0.0, 0.0]


def test_pause_is_of_one_origin() -> None:
    """Another origin may be asked meanwhile."""
    pauses = Pauses()
    pauses.extend(A, 30.0, now=100.0)

    assert pauses.remaining(B, now=100.0) == 0.0


@pytest.mark.parametrize(("second", "left"), [(5.0, 20.0), (60.0, 60.0), (None, 20.0)])
def test_second_hint_never_shortens_the_first(second: float | None, left: float) -> None:
    """Of two hints the one that ends later counts."""
    pauses = Pauses()
    pauses.extend(A, 30.0, now=100.0)
    pauses.extend(A, second, now=110.0)

    assert left == pauses.remaining(A, now=110.0)
