"""What polling reads of replies: strictly where it can, leniently where one field is odd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._wire.decoding import MalformedDocumentError
from aiobench._wire.heads import job_head, job_list
from job_documents import JOBS, sample, sample_bytes

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", JOBS)
def test_head_of_every_sample(name: str) -> None:
    """The status and the benchmark of each sample are read."""
    document = sample(name)
    head = job_head(sample_bytes(name))

    assert (document["status"], document["benchmark"]["id"]) == (head.status, head.benchmark_id)


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b'"completed"', b"{}", b'{"status": null}', b'{"status": 5}', b'{"status": ["completed"]}'],
)
def test_what_has_no_status_is_no_job_document(body: bytes) -> None:
    """Only a JSON object with a string `status` is a job document."""
    with pytest.raises(MalformedDocumentError, match="not a job document"):
        job_head(body)


@pytest.mark.parametrize("key", ["jobId", "benchmark", "iterations", "progress"])
@given(value=ANYTHING)
def test_wrong_type_below_the_status_counts_as_null(key: str, value: Any) -> None:
    """Whatever stands below `status`, the status is read, and what can be used of the rest."""
    document = {"status": "running", "benchmark": {"id": "B"}, key: value}

    head = job_head(json.dumps(document).encode())

    expected = value.get("id") if isinstance(value, dict) else None
    benchmark = "B" if key != "benchmark" else expected if isinstance(expected, str) else ""
    assert ("running", benchmark) == (head.status, head.benchmark_id)


def test_one_odd_field_does_not_cost_the_others() -> None:
    """A wrong type in one field leaves every other field as it is, and a figure may be sent as a string."""
    progress = {
        "completedPercentage": [40],
        "completedIterations": "1",
        "remainingIterations": None,
        "usedCredits": 1.5,
    }
    head = job_head(
        json.dumps({"status": "running", "progress": progress, "iterations": [{"status": "a"}, 5]}).encode()
    )

    assert head.progress is not None
    assert (
        head.progress.completed_percentage,
        head.progress.completed_iterations,
        head.progress.remaining_iterations,
        head.progress.used_credits,
    ) == (None, 1, None, 1.5)
    assert head.iterations is not None
    assert [each.status for each in head.iterations] == ["a"]


def test_number_that_no_float_holds_counts_as_null() -> None:
    """`1e400` where polling reads a number is a missing number, and no reason to refuse the document."""
    head = job_head(b'{"status": "running", "progress": {"usedCredits": 1e400, "completedPercentage": 5}}')

    assert head.progress is not None
    assert (head.progress.used_credits, head.progress.completed_percentage) == (None, 5)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({}, False),
        ({"updatedAt": "later", "segmentsCount": "9"}, False),
        ({"status": "completed"}, True),
        ({"iterations": [{"status": "completed"}]}, True),
        ({"iterations": [{"status": "in_progress", "credits": 5}]}, False),
        ({"progress": {"completedPercentage": 50}}, True),
    ],
)
def test_heads_differ_when_the_job_moved(change: dict[str, Any], moved: bool) -> None:
    """Status, an iteration's status and progress are what moves; times and credits of an iteration are not."""
    document = {
        "status": "in_progress",
        "iterations": [{"status": "in_progress"}],
        "progress": {"completedPercentage": 40},
    }

    before, after = (job_head(json.dumps(each).encode()) for each in (document, document | change))

    assert moved == (before != after)


def test_list_of_the_sample() -> None:
    """The sample's jobs come in its order, with status and benchmark."""
    found = job_list(sample_bytes("job_list"))

    assert [(entry.job_id, entry.status, entry.benchmark_id) for entry in found] == [
        ("job-completed", "completed", "bm-01"),
        ("job-running", "in_progress", "bm-01"),
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"jobId": "J"}, ("J", None, "")),
        ({"jobId": "J", "status": None}, ("J", None, "")),
        ({"jobId": "J", "status": 5, "benchmark": 5}, ("J", None, "")),
        ({"jobId": "J", "status": "s", "benchmark": {"id": None}}, ("J", "s", "")),
        ({"status": "s"}, None),
        ({"jobId": "", "status": "s"}, None),
        ({"jobId": "  ", "status": "s"}, None),
        ({"jobId": "\t", "status": 5}, None),
        (None, None),
        ("J", None),
    ],
)
def test_odd_entry_of_a_list_is_read_as_far_as_it_goes(entry: Any, expected: Any) -> None:
    """An entry whose job cannot be named is passed over, one without status has None; its neighbours stay."""
    good = {"jobId": "GOOD", "status": "completed", "benchmark": {"id": "B"}}

    found = job_list(json.dumps([entry, good]).encode())

    assert [each for each in (expected, ("GOOD", "completed", "B")) if each is not None] == [
        (each.job_id, each.status, each.benchmark_id) for each in found
    ]


@pytest.mark.parametrize("body", [b"{}", b"null", b'"J"', b'{"jobs": []}'])
def test_what_is_no_array_is_no_job_list(body: bytes) -> None:
    """The list route promises a bare array; an object is refused."""
    with pytest.raises(MalformedDocumentError, match="not a job list"):
        job_list(body)


@pytest.mark.parametrize(
    ("entries", "left_out"),
    [
        (
            [{"jobId": "J", "status": "running", "benchmark": {"id": "B"}}, {"jobId": " ", "status": "running"}],
            "1 of 2",
        ),
        ([{"jobId": 5}, {"jobId": "J", "benchmark": {"id": "B"}}, None, {}], "3 of 4"),
    ],
)
def test_entries_without_an_id_are_counted_in_a_warning(
    entries: list[Any], left_out: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What of a list cannot be asked for is left out, and the log says how much of which benchmark's list."""
    assert [entry.job_id for entry in job_list(json.dumps(entries).encode())] == ["J"]
    assert caplog.messages == [f"{left_out} entries in the job list of benchmark B have no usable job id"]
