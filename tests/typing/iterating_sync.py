"""What the blocking world alone has: an iteration in a `with` block, which waits for its clean-up."""

from __future__ import annotations

from typing import assert_type

from aiobench.sync import BenchmarkJob, JobSnapshot


def iterations(job: BenchmarkJob) -> None:
    """The snapshots of a watch, one by one."""
    with job.watch() as snapshots:
        assert_type(next(snapshots), JobSnapshot)
