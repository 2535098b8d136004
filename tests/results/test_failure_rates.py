"""Failure rates: in percent, and `nan` rather than a false 0."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_documents import iteration, job_document, sample_snapshot, score, snapshot_from

NAN = math.nan


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("completed", {"model-a": 12.5, "model-b": 0.0}),
        ("display_names", {"Prompt A": 12.5, "Prompt B": 12.5}),
        ("failed", {"model-a": 12.5}),
        ("in_progress", {"model-a": 0.0, "model-b": 12.5}),
        ("odd", {"LLM": 12.5, "LLM (2)": 12.5, "model-c": 12.5}),
        ("one_iteration_failed", {"model-a": 12.5, "model-b": 100.0}),
        ("unknown_status", {"model-a": 12.5}),
    ],
)
def test_rates_of_the_samples(name: str, expected: dict[str, float]) -> None:
    """Each sample gives the rates that the wire format's table leads to."""
    assert sample_snapshot(name).failure_rates() == expected


def test_frame() -> None:
    """The frame has the columns `Model` and `Failure Rate`."""
    pd.testing.assert_frame_equal(
        pd.DataFrame({"Model": ["model-a", "model-b"], "Failure Rate": [12.5, 0.0]}),
        sample_snapshot("completed").failure_rates_frame(),
    )


def test_empty_frame() -> None:
    """A job without runs gives a frame without rows, with both columns, of text and of floats."""
    frame = snapshot_from({"status": "running"}).failure_rates_frame()

    assert (
        len(frame),
        list(frame.columns),
        str(frame["Failure Rate"].dtype),
    ) == (0, ["Model", "Failure Rate"], "float64")


def counts(count: object, failed: object) -> dict[str, Any]:
    """Make a score of nothing but its counts."""
    return {"longName": "X", "count": count, "failedSegmentsCount": failed}


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"scores": [counts(6, 2), counts(0, 8)]}, 25.0),  # the first that is usable
        ({"scores": [counts(0, 0), counts(6, 2)]}, 25.0),
        ({"scores": [counts(None, 2), counts(6, 2)]}, 25.0),
        ({"scores": [counts(6, None), counts(6, 2)]}, 25.0),
        ({"scores": [{"longName": "X"}, counts(6, 2)]}, 25.0),
        ({"scores": [counts("six", "2"), counts(True, 1), counts("6", "2")]}, 25.0),
        ({"scores": [counts(-6, 8), counts(6, 2)]}, 25.0),
        ({"scores": [None, 5, counts(6, 2)]}, 25.0),
        ({"scores": [counts(8, 0)], "failedSegments": 4, "totalSegments": 8}, 0.0),  # a score's word comes first
        ({"scores": [counts(0, 0)], "failedSegments": 4, "totalSegments": 8}, 50.0),
        ({"scores": [], "failedSegments": 4, "totalSegments": 8}, 50.0),
        ({"scores": None, "failedSegments": 4, "totalSegments": 8}, 50.0),
        ({"failedSegments": 4, "totalSegments": 8}, 50.0),
        ({"failedSegments": 0, "totalSegments": 8}, NAN),  # no segment failed, or none ran yet
        ({"failedSegments": 4, "totalSegments": 0}, NAN),
        ({"failedSegments": 4, "totalSegments": None}, NAN),
        ({"failedSegments": None, "totalSegments": 8}, NAN),
        ({"failedSegments": "4", "totalSegments": "8"}, 50.0),  # figures may be sent as strings
        ({"failedSegments": "four", "totalSegments": 8}, NAN),
        ({"scores": [counts(0, 0)]}, NAN),
        ({}, NAN),
    ],
)
def test_rule_of_the_rate(run: dict[str, Any], expected: float) -> None:
    """First score with both counts and a sum over 0; else the run's own segments if any failed; else unknown."""
    snapshot = snapshot_from(job_document({"pipeline": "m", **run}))

    assert snapshot.failure_rates()["m"] == pytest.approx(expected, nan_ok=True)


@given(count=st.integers(0, 10**6), failed=st.integers(0, 10**6))
def test_rate_is_a_percentage(count: int, failed: int) -> None:
    """Whatever the counts are, the rate lies between 0 and 100, or is unknown."""
    run = iteration("m", scores=[score(count=count, failedSegmentsCount=failed)])
    rate = snapshot_from(job_document(run)).failure_rates()["m"]

    assert 0 <= rate <= 100 if count + failed else math.isnan(rate)


def test_odd_run_does_not_cost_the_others() -> None:
    """Unlike the SDK: counts that fail one model leave the others' rates as they are, in document order."""
    runs = [iteration("a", scores=[score(count=0)]), iteration("b", scores=[score(count=6, failedSegmentsCount=2)])]
    rates = snapshot_from(job_document(*runs)).failure_rates()

    assert list(rates) == ["a", "b"]
    assert (math.isnan(rates["a"]), rates["b"]) == (True, 25.0)
