"""`aiobench wait`: wait for jobs in a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aiobench.cli.exits import Exit
from aiobench.cli.options import AsJson, Jobs, Quiet, Timeout, read_ids
from aiobench.cli.output import print_ids, print_json
from aiobench.cli.running import run

if TYPE_CHECKING:
    from aiobench import Client
    from aiobench.cli.waiting import Mode, Outcomes

__all__ = ["EXAMPLE", "command", "show_outcomes"]

EXAMPLE = "Example: aiobench wait JOB --timeout 2h && aiobench scores JOB"


def command(
    jobs: Jobs,
    *,
    timeout: Timeout = None,
    any_of_them: Annotated[bool, typer.Option("--any", help="Stop when the first job has ended.")] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop when a job has not succeeded. The other jobs go on.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Wait until jobs have ended.

    Exit status: 0 all succeeded, 1 a job failed or was abandoned, 2 usage, 3 the API refused, 4 not done in time,
    5 no usable answer, 130 interrupted. The worst of several jobs counts: 3, 5, 4, 1, 0.
    """
    if any_of_them and fail_fast:
        raise typer.BadParameter("--any stops at the first end already; leave out --fail-fast")

    async def work(client: Client) -> Exit:
        from aiobench.cli.waiting import wait_for

        mode: Mode = "any" if any_of_them else "fail-fast" if fail_fast else "all"
        outcomes = await wait_for(client, read_ids(jobs), timeout=timeout, mode=mode)
        show_outcomes(outcomes, quiet=quiet, as_json=as_json)
        return outcomes.exit()

    run(work, as_json=as_json)


def show_outcomes(outcomes: Outcomes, *, quiet: bool, as_json: bool) -> None:
    """Print how jobs ended; with *quiet*, the ids of those that ended."""
    if as_json:
        print_json([outcomes.fields(job_id) for job_id in outcomes.ids])
    elif quiet:
        print_ids(job_id for job_id in outcomes.ids if job_id in outcomes.ended)
    else:
        from aiobench.cli.tables import plain_table, show_table
        from aiobench.cli.terminal import console_of_stdout

        table = plain_table("Job", "Outcome")
        for job_id in outcomes.ids:
            table.add_row(job_id, outcomes.summary_of(job_id))
        show_table(console_of_stdout(), table)
