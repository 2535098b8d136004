"""`aiobench scores`: the scores of each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench.cli.options import AsJson, Jobs, Output, Quiet
from aiobench.cli.running import show_results

if TYPE_CHECKING:
    from rich.table import Table

    from aiobench import JobSnapshot

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench scores JOB -o scores.md"


def command(jobs: Jobs, *, output: Output = None, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Show the average of each metric for each model."""
    show_results(jobs, _rows, _table, output=output, quiet=quiet, as_json=as_json)


def _rows(snapshot: JobSnapshot) -> list[dict[str, object]]:
    return [{"job_id": snapshot.id, **row} for row in snapshot.score_rows()]


def _table(snapshot: JobSnapshot) -> Table:
    from aiobench.cli.tables import score_table

    return score_table(snapshot)
