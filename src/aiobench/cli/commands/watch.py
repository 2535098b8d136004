"""`aiobench watch`: jobs as they run."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiobench.cli.exits import Exit
from aiobench.cli.options import AsJson, OptionalJobs, Quiet, Timeout, read_ids
from aiobench.cli.output import hint, print_ids
from aiobench.cli.running import run
from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiobench import BenchmarkJob, Client
    from aiobench.cli.waiting import Display

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench watch --benchmark BENCHMARK --journal jobs.sqlite"


def command(
    jobs: OptionalJobs = None,
    *,
    benchmark: Annotated[
        list[str] | None,
        typer.Option("--benchmark", "-b", metavar="BENCHMARK", help="Watch all jobs of a benchmark. Repeatable."),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            "--journal", metavar="FILE", dir_okay=False, help="Remember the jobs here, to go on after a kill."
        ),
    ] = None,
    timeout: Timeout = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Watch jobs until they have all ended: a live table, or one line per change without a terminal.

    Exits as `aiobench wait` does. Ctrl-C ends the watch and leaves the jobs running. With --journal, a later run
    reports the ends of an earlier one again, so that its exit status covers all jobs.
    """

    async def work(client: Client) -> Exit:
        from aiobench.cli.waiting import wait_for

        found: list[BenchmarkJob | str] = list(read_ids(jobs)) if jobs else []
        for each in benchmark or ():
            found += await client.list_jobs(each)
        if not found and journal is None:
            if benchmark:
                hint("there are no jobs to watch yet")
                return Exit.OK
            raise ConfigurationError("nothing to watch: give job ids, --benchmark or --journal")
        with _display(len(found), quiet=quiet, as_json=as_json) as display:
            outcomes = await wait_for(client, found, timeout=timeout, journal=journal, display=display)
        if quiet and not as_json:
            print_ids(each for each in outcomes.ids if each in outcomes.ended)
        return outcomes.exit()

    run(work, as_json=as_json)


@contextmanager
def _display(total: int, *, quiet: bool, as_json: bool) -> Iterator[Display]:
    if as_json:
        from aiobench.cli.live import JSONLines

        yield JSONLines()
        return
    if quiet:
        from aiobench.cli.waiting import NoDisplay

        yield NoDisplay()
        return
    from rich.live import Live

    from aiobench.cli.live import Lines, LiveTable
    from aiobench.cli.terminal import console_of_stdout, has_live_display

    console = console_of_stdout()
    if not has_live_display(console):
        yield Lines(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield LiveTable(console, live, total)
