"""`aiobench status`: how jobs stand now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench.cli.exits import Exit, printable
from aiobench.cli.options import AsJson, Jobs, Quiet, read_ids
from aiobench.cli.output import job_fields, print_ids, print_json
from aiobench.cli.running import ask_for_snapshots, run

if TYPE_CHECKING:
    from aiobench import Client, JobSnapshot

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench status JOB --json"


def command(jobs: Jobs, *, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Show the status of jobs.

    Exits with 0 when every job answered, however it ended; `aiobench wait` turns the outcome into an exit status.
    """

    async def work(client: Client) -> Exit:
        answers = await ask_for_snapshots(client, read_ids(jobs))
        if as_json:
            print_json([*map(job_fields, answers.snapshots), *answers.error_fields])
        elif quiet:
            print_ids(each.id for each in answers.snapshots)
        elif answers.snapshots:
            _show(answers.snapshots)
        return answers.report(as_json=as_json)

    run(work, as_json=as_json)


def _show(snapshots: list[JobSnapshot]) -> None:
    from aiobench.cli.tables import figure, models_done, plain_table, show_table, status_text
    from aiobench.cli.terminal import console_of_stdout

    table = plain_table("Job", "Status", "Done", "Models", "Credits", "Benchmark")
    for each in snapshots:
        progress = each.progress
        table.add_row(
            each.id,
            status_text(each.status),
            "" if progress.completed_percentage is None else f"{progress.completed_percentage:.0f}%",
            models_done(each),
            figure(progress.used_credits, ".2f"),
            printable(each.benchmark_name or each.benchmark_id),
        )
    show_table(console_of_stdout(), table)
