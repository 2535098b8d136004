"""`aiobench eval`: a file of predictions, scored on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiobench.cli.exits import printable, reporting_errors
from aiobench.cli.options import AsJson, Quiet
from aiobench.cli.output import hint, print_ids, print_json

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench eval predictions.csv -p first -p second -m chrf"


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .jsonl or .parquet file.", show_default=False)],
    *,
    prediction: Annotated[
        list[str], typer.Option("--prediction", "-p", metavar="COLUMN", help="A column of predictions. Repeatable.")
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", metavar="METRIC", help="A metric. Repeatable.", show_default="bleu, chrf"),
    ] = None,
    source: Annotated[str, typer.Option("--source", metavar="COLUMN", help="The column of sources.")] = "source",
    reference: Annotated[
        str, typer.Option("--reference", metavar="COLUMN", help="The column of references.")
    ] = "reference",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Save the results of every segment, as `segments` does."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Score a file of predictions on this machine, and compare the models.

    Needs no account and no network. Metrics are bleu, chrf, ter, wer, cer, exact-match, accuracy and f1.
    """
    with reporting_errors(as_json=as_json):
        import sys

        from aiobench.cli.files import check_target, write_frame
        from aiobench.local import evaluate

        if output is not None:
            check_target(output)
        evaluation = evaluate(
            file,
            source=source,
            reference=reference,
            predictions=prediction,
            metrics=tuple(metric) if metric else ("bleu", "chrf"),
            progress=sys.stderr.isatty() and not quiet,
        )
        if output is not None:
            write_frame(evaluation.segments, output)
            if not quiet and not as_json:
                hint(f"the results of every segment are in {output}")
        rows = evaluation.snapshot.score_rows()
        if as_json:
            rates = evaluation.snapshot.failure_rates()
            print_json([{**row, "failure_rate": rates[str(row["Model"])]} for row in rows])
        elif quiet:
            print_ids(printable(str(row["Model"])) for row in rows)
        else:
            from aiobench.cli.tables import failure_table, score_table, show_table
            from aiobench.cli.terminal import console_of_stdout

            console = console_of_stdout()
            show_table(console, score_table(evaluation.snapshot))
            if any(evaluation.snapshot.failure_rates().values()):
                console.print()
                show_table(console, failure_table(evaluation.snapshot))
            if len(rows) > 1:
                console.print()
                _compare(console, evaluation.segments)


def _compare(console: Any, segments: pd.DataFrame) -> None:
    from aiobench.analysis import AnalysisError, leaderboard
    from aiobench.cli.tables import show_table
    from aiobench.errors import MissingExtraError

    try:
        show_table(console, _leaderboard_table(leaderboard(segments)))
    except (AnalysisError, MissingExtraError) as error:
        hint(f"the models are not compared: {printable(str(error))}")


def _leaderboard_table(board: pd.DataFrame) -> Table:
    from aiobench.cli.tables import figure, plain_table

    table = plain_table(
        "Model",
        "Metric",
        "Mean",
        "95 % interval",
        "Segments",
        "Rank",
        title="Compared on the segments that every model has a score for",
        caption="The rank is a range where the data cannot tell models apart.",
    )
    for row in board.to_dict("records"):
        low, high = row["rank_low"], row["rank_high"]
        is_ranked = isinstance(low, int)
        form = ".1f" if abs(row["mean"]) >= 2 else ".3f"
        table.add_row(
            printable(str(row["Model"])),
            printable(str(row["metric"]).partition(" by ")[0]),
            figure(row["mean"], form),
            f"{figure(row['low'], form)} to {figure(row['high'], form)}",
            f"{row['n']:,}",
            (str(low) if low == high else f"{low}-{high}") if is_ranked else "-",
        )
    return table
