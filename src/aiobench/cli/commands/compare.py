"""`aiobench compare`: which model is better, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiobench.cli.exits import printable, reporting_errors
from aiobench.cli.options import AsJson, Jobs
from aiobench.cli.output import print_json

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from rich.table import Table

__all__ = ["EXAMPLE", "command"]

EXAMPLE = 'Example: aiobench compare JOB --metric "BLEU by sacrebleu"'


def command(
    jobs: Jobs,
    *,
    metric: Annotated[str, typer.Option("--metric", "-m", metavar="METRIC", help="The metric, as in the results.")],
    a: Annotated[str | None, typer.Option("--a", metavar="MODEL", help="Compare this model ...")] = None,
    b: Annotated[str | None, typer.Option("--b", metavar="MODEL", help="... with this one.")] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="MODEL", help="Compare every other model with this one.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the better model alone, or undecided, one line per pair.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which model is better, and how sure that is.

    Segments count if both models have a score for them. JOB may also be a file of results. Without --a and --b, every
    pair of models is compared, and the p-values are corrected for that.
    """
    if (a is None) is not (b is None):
        raise typer.BadParameter("--a and --b go together")
    if a is not None and baseline is not None:
        raise typer.BadParameter("--baseline compares every other model with it; leave out --a and --b")
    with reporting_errors(as_json=as_json):
        from aiobench.analysis import compare, compare_all
        from aiobench.cli.sources import read_segments

        frame = read_segments(jobs).frame
        if a is not None and b is not None:
            comparison = compare(frame, a, b, metric=metric)
            if as_json:
                print_json(comparison.to_dict())
            elif quiet:
                typer.echo(printable({"a": a, "b": b}.get(comparison.verdict, "undecided")))
            else:
                from aiobench.cli.terminal import console_of_stdout

                console_of_stdout().print("\n".join(map(printable, str(comparison).split("\n"))))
            return
        pairs = compare_all(frame, metrics=[metric], baseline=baseline)
        rows = pairs.to_dict("records")
        better = [{"a": row["a"], "b": row["b"]}.get(row["verdict"], "undecided") for row in rows]
        if as_json:
            print_json(rows)
        elif quiet:
            typer.echo("\n".join(map(printable, better)))
        else:
            from aiobench.cli.tables import show_table
            from aiobench.cli.terminal import console_of_stdout

            show_table(console_of_stdout(), _pair_table(rows))


def _pair_table(rows: Sequence[Mapping[Hashable, Any]]) -> Table:
    from aiobench.cli.tables import figure, plain_table

    direction = "lower" if rows[0]["lower_is_better"] else "higher"
    left_out = max(row["only_a"] + row["only_b"] for row in rows)
    caption = "p is corrected for the number of pairs."
    if left_out:
        caption += f" Segments that only one model of a pair has a score for are left out, up to {left_out:,}."
    table = plain_table(
        "Model",
        "Name",
        "Difference",
        "95 % interval",
        "p",
        "Segments",
        "Better",
        title=f"{printable(rows[0]['metric'])}, {direction} is better",
        caption=caption,
    )
    table.columns[0].header, table.columns[1].header = "A", "B"
    for row in rows:
        table.add_row(
            printable(row["a"]),
            printable(row["b"]),
            figure(row["difference"], "+.3g"),
            f"{figure(row['low'], '+.3g')} to {figure(row['high'], '+.3g')}",
            figure(row["p_adjusted"], ".2g"),
            f"{row['n']:,}",
            {"a": "A", "b": "B"}.get(row["verdict"], "-"),
        )
    return table
