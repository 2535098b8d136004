"""`aiobench failures`: how many segments each model failed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench.cli.options import AsJson, Jobs, Output, Quiet
from aiobench.cli.running import show_results

if TYPE_CHECKING:
    from rich.table import Table

    from aiobench import JobSnapshot

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench failures JOB"


def command(jobs: Jobs, *, output: Output = None, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Show the share of segments that each model failed on, in percent; unknown where the platform does not say."""
    show_results(jobs, _rows, _table, output=output, quiet=quiet, as_json=as_json)


def _rows(snapshot: JobSnapshot) -> list[dict[str, object]]:
    rates = snapshot.failure_rates()
    return [
        {
            "job_id": snapshot.id,
            "Model": name,
            "Failure Rate": rate,
            "failed_segments": iteration.failed_segments,
            "total_segments": iteration.total_segments,
        }
        for (name, rate), iteration in zip(rates.items(), snapshot.iterations, strict=True)
    ]


def _table(snapshot: JobSnapshot) -> Table:
    from aiobench.cli.tables import failure_table

    return failure_table(snapshot)
