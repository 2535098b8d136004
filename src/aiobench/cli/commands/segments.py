"""`aiobench segments`: the results of every segment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiobench.cli.exits import reporting_errors
from aiobench.cli.options import AsJson, Jobs, Quiet
from aiobench.cli.output import hint, print_ids, print_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench segments JOB -o results.parquet"
SHOWN = 20  # rows on a terminal


def command(
    jobs: Jobs,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Save as .csv, .parquet, .jsonl, .xlsx, .md or .tex."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show or save the results of every segment: one row per segment and model.

    JOB may also be a file that was saved before. Several jobs get a column job_id. Without -o, a terminal shows the
    first rows and a pipe gets the whole CSV.
    """
    with reporting_errors(as_json=as_json):
        from aiobench.cli.files import check_target, write_frame
        from aiobench.cli.sources import read_segments

        if output is not None:
            check_target(output)  # before a long download, not after it
        segments = read_segments(jobs)
        frame = segments.frame
        if output is not None:
            write_frame(frame, output)
            if not quiet and not as_json:
                hint(f"{len(frame):,} rows saved in {output}")
        if as_json:
            print_json({"path": str(output), "rows": len(frame)} if output is not None else frame.to_dict("records"))
        elif quiet:
            print_ids(segments.names)
        elif output is None:
            _show(frame)


def _show(frame: pd.DataFrame) -> None:
    import sys

    if not sys.stdout.isatty():
        sys.stdout.write(frame.to_csv(index=False))
        return
    from aiobench.cli.tables import frame_table, show_table
    from aiobench.cli.terminal import console_of_stdout

    show_table(console_of_stdout(), frame_table(frame.head(SHOWN)))
    if len(frame) > SHOWN:
        hint(f"the first {SHOWN} of {len(frame):,} rows; -o FILE saves them all")
