"""Snapshots: a document's parts, typed; pickled without the signature; and an error of the tree, or none."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import (
    InvalidResponseError,
    Iteration,
    JobFailedError,
    JobSnapshot,
    PollPolicy,
    Progress,
    Score,
    WaitTimeoutError,
)
from aiobench._wire.heads import job_head
from aiobench.snapshot import snapshot_of
from job_documents import (
    JOBS,
    POLLED_AT,
    iteration,
    job_document,
    sample,
    sample_snapshot,
    score,
    snapshot_from,
)

SIGNED = "https://results.example/reports/job-completed.csv?X-Amz-Signature=abc.def/ghi"


def test_attributes_of_the_sample() -> None:
    """A snapshot says which job, of which benchmark, in what state, as of when."""
    snapshot = sample_snapshot("completed")

    assert (
        snapshot.id,
        snapshot.status,
        snapshot.benchmark_id,
        snapshot.polled_at,
    ) == ("job-completed", "completed", "bm-01", POLLED_AT)
    assert datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC) == snapshot.started_at
    assert datetime(2026, 11, 1, 10, 5, tzinfo=UTC) == snapshot.updated_at
    assert Progress(completed_percentage=100.0, completed_iterations=0, used_credits=1.5) == snapshot.progress
    assert snapshot.report_url == SIGNED


def test_iterations_of_the_sample() -> None:
    """Each model's run is typed, its scores too."""
    runs = sample_snapshot("completed").iterations

    assert tuple(run.model_id for run in runs) == ("model-a", "model-b")
    bleu = Score(
        long_name="BLEU by sacrebleu", average=31.5, count=7, failed_segments_count=1, unit="%", lower_is_better=False,
        name="BLEU", weighted_average=31.5, mean=31.5, median=31.5, stdev=3.5, min=0.0, max=100.0,
    )  # fmt: skip
    assert (
        runs[0].display_name,
        runs[0].status,
        runs[0].credits,
        runs[0].runtime,
        runs[0].failed_segments,
        runs[0].total_segments,
    ) == (None, "completed", 0.4321098765, 31.41592, 1, 8)
    assert runs[0].scores is not None
    assert (3, bleu) == (len(runs[0].scores), runs[0].scores[0])


def test_display_names_of_iterations() -> None:
    """The name that a model was given is read out of `pipelineJson`, the model id beside it."""
    assert [(run.model_id, run.display_name) for run in sample_snapshot("display_names").iterations] == [
        ("model-a", "Prompt A"),
        ("model-a", "Prompt B"),
    ]


def test_quartiles() -> None:
    """The quartiles, which the platform spells with an underscore, are read."""
    quartiles = {"percentage_25": 1, "percentage_50": 2.5, "percentage_75": 4}
    (run,) = snapshot_from(job_document(iteration(scores=[score(**quartiles)]))).iterations

    assert run.scores is not None
    assert (run.scores[0].percentage_25, run.scores[0].percentage_50, run.scores[0].percentage_75) == (1.0, 2.5, 4.0)


@pytest.mark.parametrize("odd", [None, [], {}, "x", -1, 1.5, True])
def test_what_is_not_usable_is_none(odd: object) -> None:
    """A field of a wrong type counts as null, alone; only `scores` may be an (empty) list, and texts a text."""
    keys = ("pipeline", "pipelineJson", "status", "failedSegments", "totalSegments", "scores")
    (run,) = snapshot_from(job_document(dict.fromkeys(keys, odd))).iterations

    as_text = odd if isinstance(odd, str) else None
    assert Iteration(model_id=as_text, status=as_text, scores=() if odd == [] else None) == run


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-01T10:00:01.000Z", datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC)),
        ("2026-11-01T12:00:01+02:00", datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:01", datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1_700_000_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (1e300, None),
        ("9999-12-31T23:59:59-12:00", None),  # past the last time that there is
        (True, None),
        (None, None),
    ],
)
def test_times(value: object, expected: datetime | None) -> None:
    """Times are read with their zone, without one in UTC; what is no time is None."""
    snapshot = snapshot_from(job_document(startedAt=value, updatedAt=value))

    assert (expected, expected) == (snapshot.started_at, snapshot.updated_at)


@pytest.mark.parametrize("url", [None, "", 5, []])
def test_absent_result_url_is_none(url: object) -> None:
    """A result URL that is absent, null, empty or no text is None."""
    assert (
        snapshot_from(job_document(reportUrl=url)).report_url,
        snapshot_from(job_document()).report_url,
    ) == (None, None)


@pytest.mark.parametrize(
    ("name", "terminal", "succeeded"),
    [
        ("completed", True, True),
        ("failed", True, False),
        ("in_progress", False, False),
        ("one_iteration_failed", True, True),
        ("unknown_status", False, False),
    ],
)
def test_terminal_and_succeeded(name: str, terminal: bool, succeeded: bool) -> None:
    """An unknown status is not terminal; a completed job succeeded, whatever its runs did."""
    snapshot = sample_snapshot(name)

    assert (terminal, succeeded) == (snapshot.is_terminal, snapshot.succeeded)


@pytest.mark.parametrize("status", ["Completed", "COMPLETED"])
def test_success_has_any_case(status: str) -> None:
    """Statuses are compared without regard to case, and kept as they are."""
    snapshot = snapshot_from(job_document(status=status))

    assert (status, True, True) == (snapshot.status, snapshot.is_terminal, snapshot.succeeded)


def test_policy_decides_what_is_an_end() -> None:
    """`is_terminal` is by the policy that polled."""
    body = json.dumps(job_document(status="Re-Scoring")).encode()
    policy = PollPolicy(terminal=frozenset({"re_scoring"}))

    assert [
        snapshot_of("J", body, polled_at=POLLED_AT, terminal=ends).is_terminal
        for ends in (policy.ends, PollPolicy().ends)
    ] == [True, False]


def test_failed_iterations() -> None:
    """The runs that failed are found in a completed job."""
    assert [
        tuple(run.model_id for run in sample_snapshot(name).failed_iterations)
        for name in ("one_iteration_failed", "completed")
    ] == [("model-b",), ()]


@pytest.mark.parametrize("name", ["completed", "in_progress", "one_iteration_failed", "unknown_status"])
def test_raise_for_status_returns_self(name: str) -> None:
    """A job that completed, or has not ended, passes through."""
    snapshot = sample_snapshot(name)

    assert snapshot is snapshot.raise_for_status()


def test_raise_for_status_of_a_failed_job() -> None:
    """A job that ended otherwise raises JobFailedError, which says which job and holds the snapshot."""
    snapshot = sample_snapshot("failed")

    with pytest.raises(JobFailedError, match="job job-failed of benchmark bm-01 ended with status 'failed'") as caught:
        snapshot.raise_for_status()
    assert ("job-failed", snapshot) == (caught.value.job_id, caught.value.snapshot)


def test_error_of_a_job_without_benchmark_reads_well() -> None:
    """A document that names no benchmark leaves no gap in the error's text."""
    with pytest.raises(JobFailedError, match=r"^job JOB ended with status 'canceled'; "):
        snapshot_from({"status": "canceled"}).raise_for_status()


def test_raw_is_the_document_without_the_signature() -> None:
    """`.raw` is the document, but for the query of the result URL."""
    expected = sample("completed") | {"reportUrl": "https://results.example/reports/job-completed.csv"}

    assert json.loads(json.dumps(sample_snapshot("completed").raw)) == expected


def test_raw_is_the_readers_own() -> None:
    """Changing what `.raw` handed out changes nothing else of the snapshot, nor of its pickle."""
    snapshot = sample_snapshot("completed")
    snapshot.raw["iterations"][:] = [object()]

    for each in (snapshot, pickle.loads(pickle.dumps(snapshot))):
        assert (len(each.iterations), len(each.scores_frame())) == (2, 2)


def test_signature_is_not_shown() -> None:
    """The signature of the result URL is neither in repr, nor in the pickle, nor in `.raw` (F18)."""
    snapshot = sample_snapshot("completed")

    for shown in (repr(snapshot), repr(snapshot.raw), str(pickle.dumps(snapshot))):
        assert "job-completed" in shown
        assert "Signature" not in shown
        assert "abc.def" not in shown


@pytest.mark.parametrize("name", JOBS)
def test_pickle_keeps_everything_else(name: str) -> None:
    """A snapshot that was pickled says the same, but for the signature."""
    snapshot = sample_snapshot(name)

    copied = pickle.loads(pickle.dumps(snapshot))

    attributes = ("id", "status", "benchmark_id", "iterations", "progress", "started_at", "updated_at", "polled_at",
                  "is_terminal", "raw")  # fmt: skip
    assert [getattr(snapshot, each) for each in attributes] == [getattr(copied, each) for each in attributes]
    assert repr(snapshot.failure_rates()) == repr(copied.failure_rates())
    assert (snapshot.report_url or "").partition("?")[0] == (copied.report_url or "")
    assert not copied.has_moved_since(snapshot)


def test_errors_with_snapshots_are_pickled_without_the_signature() -> None:
    """An error that holds a snapshot can be pickled, without the signature."""
    snapshot = sample_snapshot("completed")
    error = WaitTimeoutError("late", job_id="J", snapshot=snapshot)

    copied = pickle.loads(pickle.dumps(error))

    assert snapshot.raw == copied.snapshot.raw
    assert b"Signature" not in pickle.dumps(error)


def test_snapshots_are_frozen_and_compared_by_identity() -> None:
    """A snapshot cannot be changed, and is equal to itself alone."""
    snapshot = sample_snapshot("completed")

    with pytest.raises(AttributeError):
        snapshot.status = "failed"  # type: ignore[misc]
    assert snapshot != sample_snapshot("completed")
    assert {snapshot: 1}[snapshot] == 1


def test_poll_does_not_read_what_it_does_not_need() -> None:
    """A snapshot of a running job is made although its document is damaged further down; reading that says so."""
    body = b'{"status": "running", "iterations": [], "x": "\xff"}'
    snapshot = snapshot_of("J", body, polled_at=POLLED_AT, terminal=frozenset({"completed"}))

    assert snapshot.status == "running"
    with pytest.raises(InvalidResponseError, match="the document of job J cannot be read: not JSON: not UTF-8"):
        _ = snapshot.iterations


def test_snapshot_of_a_damaged_document_is_pickled_as_far_as_it_was_read() -> None:
    """What polling read survives the pickle, so that an error with such a snapshot can still cross processes."""
    body = b'{"status": "running", "iterations": [], "progress": {"completedPercentage": 40}, "x": "\xff"}'
    snapshot = snapshot_of("J", body, polled_at=POLLED_AT, terminal=frozenset({"completed"}))

    copied = copy.deepcopy(snapshot)

    assert (
        copied.id,
        copied.status,
        copied.progress.completed_percentage,
        copied.iterations,
    ) == ("J", "running", 40.0, ())


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from([SIGNED, "completed", "failed", '{"benchmark": {"displayName": "LLM"}}', 10**400, "\ud83d"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["scores", "longName", "average", "count", "failedSegmentsCount", "pipelineJson", "scoreId"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
SCORES = st.fixed_dictionaries(
    {"longName": st.text(max_size=2), "average": ANYTHING, "count": ANYTHING, "failedSegmentsCount": ANYTHING}
)
RUN_KEYS = ("pipeline", "pipelineJson", "credits", "runtime", "status", "failedSegments", "totalSegments")
RUNS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(RUN_KEYS, ANYTHING) | {"scores": ANYTHING | st.lists(ANYTHING | SCORES, max_size=3)}
)
EXPLANATIONS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["metricDependent", "metricInDependent"], ANYTHING | st.lists(ANYTHING, max_size=3))
)
DOCUMENTS = st.fixed_dictionaries(
    {"status": st.sampled_from(["completed", "running", "failed", ""]) | st.text(max_size=5)},
    optional=dict.fromkeys(["benchmark", "progress", "startedAt", "updatedAt", "reportUrl"], ANYTHING)
    | {"iterations": ANYTHING | st.lists(RUNS | ANYTHING, max_size=3), "explanation": ANYTHING | EXPLANATIONS},
)


def everything_of(snapshot: JobSnapshot) -> list[str]:
    """Read all that a snapshot offers, as text."""
    return [
        repr(each)
        for each in (
            snapshot,
            snapshot.succeeded,
            snapshot.progress,
            snapshot.iterations,
            snapshot.failed_iterations,
            snapshot.started_at,
            snapshot.updated_at,
            snapshot.raw,
            snapshot.scores_frame().to_dict("list"),
            snapshot.score_rows(),
            snapshot.score_details(),
            snapshot.failure_rates_frame().to_dict("list"),
            snapshot.failure_rates(),
            snapshot.explanations(),
            snapshot.localized_explanations(False),
            snapshot.localized_explanations(True),
            snapshot.localized_explanations(True, True),
        )
    ]


@given(DOCUMENTS)
def test_any_document_below_the_status_can_be_read(document: dict[str, Any]) -> None:
    """Whatever JSON stands below `status`, everything can be read of it, also after pickling (F12)."""
    snapshot = snapshot_from(document)

    read = everything_of(snapshot)

    assert document["status"] == snapshot.status
    assert read == everything_of(pickle.loads(pickle.dumps(snapshot)))


@pytest.mark.parametrize("depth", [*range(50, 1000, 50), *range(900, 1010, 3)])
def test_deep_document_is_read_or_refused_in_the_trees_words(depth: int) -> None:
    """However deep the document is nested, no RecursionError comes out of the library."""
    nested = b"[" * depth + b"]" * depth
    run = b'{"scores": [' + nested + b'], "x": ' + nested + b"}"
    explanation = b'{"metricDependent": [{"scoreId": "s", "t": ' + nested + b"}]}"
    body = b'{"status": "running", "iterations": [' + run + b'], "explanation": ' + explanation + b"}"
    # polling reads past what it does not need, how far down depends on how deep the poller itself is
    snapshot = JobSnapshot("J", "running", "", POLLED_AT, False, job_head(b'{"status": "running"}'), body)

    outcomes: list[type] = []
    for read in (
        snapshot.score_details,
        snapshot.score_rows,
        snapshot.explanations,
        lambda: snapshot.localized_explanations(True, True),
        lambda: snapshot.iterations,
        lambda: snapshot.raw,
        lambda: pickle.loads(pickle.dumps(snapshot)),
    ):
        try:
            outcomes.append(type(read()))
        except Exception as error:  # noqa: BLE001 - which one is what this is about
            outcomes.append(type(error))
    assert [each for each in outcomes if issubclass(each, Exception) and each is not InvalidResponseError] == []


def test_pickle_within_a_deep_stack() -> None:
    """Where a deep document cannot be written down any more, what polling read of it is kept."""
    nested = b"[" * 500 + b"]" * 500
    snapshot = snapshot_from(b'{"status": "running", "benchmark": {"id": "B"}, "x": ' + nested + b"}")
    assert snapshot.raw["x"]

    def pickled(frames_below: int) -> bytes:
        return pickle.dumps(snapshot) if not frames_below else pickled(frames_below - 1)

    copied = pickle.loads(pickled(600))

    assert (copied.id, copied.status, copied.benchmark_id) == ("JOB", "running", "B")


def test_pandas_is_imported_with_the_first_frame() -> None:
    """Reading results without frames imports no pandas; the first frame does (docs/design.md, decision 8)."""
    code = """
import sys
from job_documents import sample_snapshot
snapshot = sample_snapshot("completed")
snapshot.score_rows(), snapshot.score_details(), snapshot.explanations()
snapshot.failure_rates(), snapshot.raw, snapshot.iterations
print("pandas" in sys.modules)
snapshot.scores_frame()
print("pandas" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), *sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False, env=environment
    )

    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")
