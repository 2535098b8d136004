"""`aiobench start`: start a job of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aiobench.cli.exits import Exit
from aiobench.cli.options import AsJson, Benchmark, Quiet, Timeout
from aiobench.cli.output import print_ids, print_json
from aiobench.cli.running import run

if TYPE_CHECKING:
    from aiobench import Client

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench start BENCHMARK --wait --timeout 2h"


def command(
    benchmark: Benchmark,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the job, as `aiobench wait` does.")] = False,
    timeout: Timeout = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Start a job of a benchmark, exactly once, and print its id."""
    if timeout is not None and not wait:
        raise typer.BadParameter("--timeout needs --wait")

    async def work(client: Client) -> Exit:
        from aiobench.cli.commands.wait import show_outcomes
        from aiobench.cli.output import hint
        from aiobench.cli.waiting import wait_for

        job = await client.start_job(benchmark)
        if not wait:
            if as_json:
                print_json({"id": job.id, "status": job.status, "benchmark_id": job.benchmark_id})
            else:
                print_ids([job.id])
            return Exit.OK
        hint(f"started job {job.id}")  # at once: an interrupted wait must not lose the id
        outcomes = await wait_for(client, [job.id], timeout=timeout)
        show_outcomes(outcomes, quiet=quiet, as_json=as_json)
        return outcomes.exit()

    run(work, as_json=as_json)
