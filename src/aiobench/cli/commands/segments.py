"""`aiobench segments`: the results of every segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench.cli.exits import reporting_errors
from aiobench.cli.options import AsJson, Jobs, Output, Quiet
from aiobench.cli.output import hint, print_ids, print_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench segments JOB -o results.parquet"
SHOWN = 20  # rows on a terminal
KEPT = ["segment_id", "Model", "job_id"]
TEXTS = ["hypothesis", "reference", "source"]
COSTS = {"credits_used", "runTimeInSecs"}


def command(
    jobs: Jobs,
    *,
    output: Output = None,
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
        sys.stdout.write(frame.to_csv(index=False, lineterminator="\n"))
        return
    from aiobench.cli.tables import fits, frame_table, show_table
    from aiobench.cli.terminal import console_of_stdout

    console = console_of_stdout()
    shown = frame.head(SHOWN)
    left_out = sorted(shown.columns, key=lambda column: _rank(shown, column))[:1:-1]
    while not fits(console, table := frame_table(shown)) and left_out:
        shown = shown.drop(columns=left_out.pop(0))
    show_table(console, table)
    rows = f"the first {SHOWN} of {len(frame):,} rows" if len(frame) > SHOWN else ""
    columns = f"{len(shown.columns)} of {len(frame.columns)} columns" if len(shown.columns) < len(frame.columns) else ""
    if rows or columns:
        hint(f"{' and '.join(filter(None, (rows, columns)))}; -o FILE saves them all")


def _rank(frame: pd.DataFrame, column: str) -> int:
    """Say how much a column is missed where there is no room for all: ids and scores first, then texts."""
    if column in KEPT:
        return KEPT.index(column)
    is_score = frame[column].dtype.kind == "f" and column not in COSTS
    return len(KEPT) + (0 if is_score else 1 + TEXTS.index(column) if column in TEXTS else 1 + len(TEXTS))
