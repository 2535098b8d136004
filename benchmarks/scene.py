"""What the load server plays: sizes, delays, jobs and when they end. Pure, and known to both sides.

A scene travels in the first segment of each path, so that the server keeps no state and one server serves every
benchmark. `ends_at` is a function of the job's number: a client knows when a job ended at the server, to the
microsecond, because CLOCK_MONOTONIC is the same for all processes of a machine.
"""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from typing import Any

from attrs import asdict, fields, frozen

__all__ = ["Scene", "job_name"]

GOLDEN = 0.6180339887498949  # its multiples fill [0, 1) evenly, in an order that looks like none
CSV_ROWS = 200_000


@frozen(slots=False)
class Scene:
    """One way for the platform to behave.

    Attributes:
        size: About how many bytes a job document has.
        delay: Milliseconds that the server thinks before it answers a job or a list.
        group: Jobs of a benchmark.
        entry: Bytes of padding in each entry of a job list.
        start: When the first job ends, in monotonic seconds; 0: none does.
        span: Seconds over which the ends are spread.
        bytes: Length of the results file; 0 for the CSV of 200,000 rows.
        etags: 1 if replies carry an `ETag` and may be a 304.
        varies: 1 if no list or document is byte for byte the one before, although it says the same.
    """

    size: int = 1000
    delay: float = 0.0
    group: int = 100
    entry: int = 0
    start: float = 0.0
    span: float = 0.0
    bytes: int = 0
    etags: int = 0
    varies: int = 0

    @property
    def path(self) -> str:
        """The scene as a path segment."""
        return ";".join(f"{name}={value}" for name, value in asdict(self).items())

    @staticmethod
    @lru_cache(maxsize=256)
    def of(path: str) -> Scene:
        """Read a scene out of its path segment."""
        kinds = {each.name: {"int": int, "float": float}[str(each.type)] for each in fields(Scene)}
        pairs = (pair.split("=") for pair in path.split(";"))
        return Scene(**{name: kinds[name](value) for name, value in pairs})

    def ends_at(self, number: int) -> float:
        """Return when a job ends, in monotonic seconds; infinity for never."""
        return self.start + self.span * (number * GOLDEN % 1.0) if self.start else float("inf")

    def status(self, number: int, now: float) -> str:
        """Return a job's status."""
        return "completed" if self.ends_at(number) <= now else "in_progress"

    def document(self, number: int, status: str, report_url: str) -> bytes:
        """Write a job document."""
        before, between, after = self._template
        name, benchmark = job_name(number, self.group)
        ids = (
            f'"jobId": "{name}", "status": "{status}", "reportUrl": "{report_url}", "benchmark": {{"id": "{benchmark}"'
        )
        return before + ids.encode() + between + after

    def entry_of(self, number: int, status: str) -> bytes:
        """Write a job as the job list shows it."""
        name, benchmark = job_name(number, self.group)
        padding = f', "stage": "{"x" * self.entry}"' if self.entry else ""
        return f'{{"jobId": "{name}", "status": "{status}", "benchmark": {{"id": "{benchmark}"}}{padding}}}'.encode()

    def endpoint(self) -> bytes:
        """Write a document that is not ready, shaped as huggingface_hub expects the state of an endpoint."""
        document: dict[str, Any] = {
            "name": "sample",
            "type": "protected",
            "healthRoute": "/health",
            "model": {"repository": "team/model", "framework": "pytorch", "revision": "main", "task": "translation"},
            "status": {
                "state": "pending",
                "createdAt": "2026-11-01T10:00:00.000Z",
                "updatedAt": "2026-11-01T10:05:00.000Z",
            },
        }
        document["note"] = "x" * max(0, self.size - len(json.dumps(document)))
        return json.dumps(document).encode()

    @cached_property
    def _template(self) -> tuple[bytes, bytes, bytes]:
        """A document shaped like the platform's (`docs/reference/wire.md`), with enough iterations for its size."""
        document: dict[str, Any] = {
            "stage": "in_progress",
            "segmentsCount": "8000",
            "progress": {"completedPercentage": 40, "completedIterations": 0, "usedCredits": 1.5},
            "iterations": [_iteration(0)],
        }
        while (missing := self.size - len(json.dumps(document)) - 200) > 0:
            if missing > len(json.dumps(_iteration(0))):
                document["iterations"].append(_iteration(len(document["iterations"])))
            else:
                document["note"] = "x" * missing
        before = '{"id": "doc", "createdAt": "2026-11-01T10:00:00.000Z", "updatedAt": "2026-11-01T10:05:00.000Z", '
        return before.encode(), b', "name": "Sample"}, ', json.dumps(document)[1:].encode()


def job_name(number: int, group: int) -> tuple[str, str]:
    """Return the ids of job number *number* and of its benchmark."""
    return f"job-{number:08}", f"bm-{number // group:06}"


def _iteration(number: int) -> dict[str, Any]:
    return {
        "id": f"it-{number}",
        "pipeline": f"model-{number}",
        "credits": 0.4321098765,
        "runtime": 31.41592,
        "failedSegments": 1,
        "totalSegments": 8000,
        "successRate": 87.5,
        "status": "completed",
        "pipelineJson": json.dumps({"id": f"model-{number}", "benchmark": {"displayName": f"Model {number}"}}),
        "scores": [
            {"longName": "BLEU by sacrebleu", "unit": "%", "average": 30.0, "count": 3, "failedSegmentsCount": 0}
        ],
    }
