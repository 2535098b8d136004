"""Job documents for tests: the samples, and ones made up of what a test is about."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiobench import TERMINAL_STATUSES
from aiobench.snapshot import snapshot_of

if TYPE_CHECKING:
    from aiobench import JobSnapshot

SAMPLES = Path(__file__).parent / "samples"
JOBS = ("completed", "display_names", "failed", "in_progress", "odd", "one_iteration_failed", "unknown_status")
POLLED_AT = datetime(2026, 11, 1, 10, 6, tzinfo=UTC)


def sample_bytes(name: str) -> bytes:
    """Read a sample as the wire would bring it."""
    return (SAMPLES / f"{name}.json").read_bytes()


def sample(name: str) -> Any:
    """Read and decode a sample."""
    return json.loads(sample_bytes(name))


def snapshot_from(document: object, *, job_id: str = "JOB") -> JobSnapshot:
    """Make the snapshot of a document, or of a reply's bytes."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return snapshot_of(job_id, body, polled_at=POLLED_AT, terminal=TERMINAL_STATUSES)


def sample_snapshot(name: str) -> JobSnapshot:
    """Make the snapshot of a sample."""
    return snapshot_from(sample_bytes(name), job_id=sample(name)["jobId"])


def job_document(*iterations: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    """Make a job document of nothing but what is given."""
    return {"jobId": "JOB", "status": status, "benchmark": {"id": "BENCHMARK"}, "iterations": list(iterations), **more}


def iteration(model: str = "model-a", *, named: str | None = None, **more: Any) -> dict[str, Any]:
    """Make the run of one model, with a display name if it is *named*."""
    pipeline = {"id": model} | ({} if named is None else {"benchmark": {"displayName": named}})
    return {"pipeline": model, "pipelineJson": json.dumps(pipeline), "status": "completed", "scores": [], **more}


def score(name: str = "BLEU by sacrebleu", average: object = 1.5, **more: Any) -> dict[str, Any]:
    """Make one metric's figures."""
    return {"longName": name, "average": average, "count": 8, "failedSegmentsCount": 0, **more}
