"""What is kept of jobs: their state, their iterations, and the result of each segment."""

from __future__ import annotations

from attrs import frozen
from msgspec import Raw, Struct

from aiobench.local.engine.benchmarks import Benchmark

__all__ = ["TERMINAL", "Iteration", "Job", "SegmentResult"]

TERMINAL = ("completed", "failed", "canceled")


class SegmentResult(Struct, frozen=True):
    """The result of one model on one segment.

    Attributes:
        segment: The segment's index in its dataset.
        hypothesis: The translation, or None if the segment failed.
        failure: Why the segment failed.
        scores: One figure for each of the benchmark's scorers; None where it could not be computed.
        runtime: Seconds.
    """

    segment: int
    hypothesis: str | None
    failure: str | None
    scores: tuple[float | None, ...]
    credits: float
    runtime: float


@frozen
class Iteration:
    """One model's run within a job, so far. Its scores stay encoded as JSON, since no code in between reads them."""

    number: int
    status: str
    done: int
    failed: int
    credits: float
    runtime: float
    scores: Raw


@frozen
class Job:
    """The present state of a job. Times are seconds since the epoch; the explanation is JSON."""

    id: str
    benchmark: Benchmark
    status: str
    segments: int
    created: float
    updated: float
    started: float | None
    ended: float | None
    explanation: Raw | None
    iterations: tuple[Iteration, ...]
