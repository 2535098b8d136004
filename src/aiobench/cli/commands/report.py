"""`aiobench report`: one HTML file about jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aiobench.cli.exits import reporting_errors
from aiobench.cli.options import AsJson, Jobs, Quiet
from aiobench.cli.output import hint, print_ids, print_json

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench report JOB -o report.html"


def command(
    jobs: Jobs,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .html file.")],
    title: Annotated[str | None, typer.Option("--title", help="The title of the report.")] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="MODEL", help="The model to compare the others with.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a report of jobs as one HTML file that needs no network.

    JOB may also be a file of results.
    """
    with reporting_errors(as_json=as_json):
        from aiobench.cli.files import check_target
        from aiobench.cli.sources import read_segments
        from aiobench.report import report

        check_target(output, (".html",))
        segments = read_segments(jobs)
        report(segments.snapshots, output, segments=segments.frame, baseline=baseline, title=title)
        if as_json:
            print_json({"path": str(output)})
        elif quiet:
            print_ids(segments.names)
        else:
            hint(f"the report is in {output}")
