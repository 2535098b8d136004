"""`aiobench explanations`: a job's explanations, as the platform words them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiobench.cli.exits import Exit
from aiobench.cli.options import AsJson, Quiet
from aiobench.cli.output import hint, print_ids, print_json
from aiobench.cli.running import run

if TYPE_CHECKING:
    from aiobench import Client

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench explanations JOB --by-task --json"


def command(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")],
    *,
    by_task: Annotated[bool, typer.Option("--by-task", help="Group the explanations of the metrics by task.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show a job's explanations.

    Their content is free-form: the platform decides what it explains.
    """

    async def work(client: Client) -> Exit:
        snapshot = await client.job(job).fetch()
        found: Any = (
            snapshot.localized_explanations(metric_dependant=True, group_by_task=True)
            if by_task
            else snapshot.explanations()
        )
        if as_json:
            print_json(found)
        elif quiet:
            print_ids([snapshot.id])
        elif not any(found.values()):
            hint(f"job {snapshot.id} has no explanations; its status is {snapshot.status!r}")
        else:
            from aiobench.cli.terminal import console_of_stdout, outline

            console_of_stdout().print(outline(found))
        return Exit.OK

    run(work, as_json=as_json)
