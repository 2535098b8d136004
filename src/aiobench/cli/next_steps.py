"""What to run after the demo. The programs are real: the tests run them as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from aiobench.cli.terminal import say

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["MANY", "NOTEBOOK", "PROGRAM", "show_next_steps"]

PROGRAM = """\
import asyncio
from aiobench import Client

async def main():
    async with Client() as client:
        benchmark = await client.create_benchmark(
            "My first", dataset="countries-de",
            models=["iso-gettext", "copy-source"], metrics=["bleu", "chrf"])
        job = await benchmark.start()
        await job.wait(timeout=3600, progress=True)
        print(await job.get_scores())
        print(await job.download_results_as_csv())

asyncio.run(main())
"""

NOTEBOOK = """\
from aiobench.sync import Client
job = Client().start_job("BENCHMARK_ID")
job.wait(progress=True)
job.get_scores()
"""

MANY = """\
jobs = await client.list_jobs("BENCHMARK_ID")
async with client.monitor(jobs, journal="jobs.sqlite") as monitor:
    async for event in monitor:
        print(event)
"""


def show_next_steps(console: Console) -> None:
    """Say what to run next: the same in a program, in a notebook, and for many jobs at once."""
    _heading(console, "Next: the same from a program")
    say(console, "On a platform like this one that stays: aiobench serve, and its two exports.")
    say(console, "On aiXplain itself: export TEAM_API_KEY=..., and your own ids for these.")
    _code(console, PROGRAM)
    _heading(console, "In a notebook")
    _code(console, NOTEBOOK)
    _heading(console, "Thousands of jobs, taken up again after a crash")
    _code(console, MANY)


def _heading(console: Console, heading: str) -> None:
    say(console, Text(f"\n{heading}", style="bold"))


def _code(console: Console, code: str) -> None:
    console.print()
    say(console, code.rstrip())  # without colours: those that rich has suit either light or dark terminals
