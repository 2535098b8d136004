"""`aiobench jobs`: the jobs of a benchmark."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aiobench.cli.exits import Exit
from aiobench.cli.options import AsJson, Benchmark, Quiet
from aiobench.cli.output import print_ids, print_json
from aiobench.cli.running import run

if TYPE_CHECKING:
    from aiobench import Client

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench jobs BENCHMARK -q | aiobench wait -"


def command(benchmark: Benchmark, *, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """List the jobs of a benchmark."""

    async def work(client: Client) -> Exit:
        jobs = await client.list_jobs(benchmark)
        if as_json:
            print_json([{"id": job.id, "status": job.status, "benchmark_id": job.benchmark_id} for job in jobs])
        elif quiet:
            print_ids(job.id for job in jobs)
        else:
            from aiobench.cli.tables import plain_table, show_table, status_text, words
            from aiobench.cli.terminal import console_of_stdout

            by_status = Counter(job.status or "unknown" for job in jobs)
            caption = ", ".join(f"{count:,} {words(status)}" for status, count in by_status.most_common())
            table = plain_table("Job", "Status", caption=caption or "This benchmark has no jobs yet.")
            for job in jobs:
                table.add_row(job.id, status_text(job.status))
            show_table(console_of_stdout(), table)
        return Exit.OK

    run(work, as_json=as_json)
