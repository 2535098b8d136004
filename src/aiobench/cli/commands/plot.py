"""`aiobench plot`: the scores of jobs as a picture."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from aiobench.cli.exits import reporting_errors
from aiobench.cli.options import AsJson, Jobs, Quiet
from aiobench.cli.output import hint, print_ids, print_json

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench plot JOB -o scores.png"
ENDINGS = (".png", ".svg", ".pdf")


class Picture(StrEnum):
    """What can be drawn; each is a function of `aiobench.plotting`."""

    SCORES = "scores"
    DISTRIBUTIONS = "distributions"
    DIFFERENCES = "differences"
    FAILURES = "failures"


def command(
    jobs: Jobs,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .png, .svg or .pdf file.")],
    what: Annotated[
        Picture, typer.Option("--what", help="What to draw: the scores, their spread, differences or failures.")
    ] = Picture.SCORES,
    metric: Annotated[
        str | None, typer.Option("--metric", "-m", metavar="METRIC", help="The metric.", show_default="the first")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Draw the scores of each model with their intervals, on the segments that every model has a score for.

    JOB may also be a file of results.
    """
    with reporting_errors(as_json=as_json):
        from aiobench import plotting
        from aiobench.cli.files import check_target, publish
        from aiobench.cli.sources import read_segments

        check_target(output, ENDINGS)
        segments = read_segments(jobs)
        draw: Callable[..., Any] = getattr(plotting, what.value)
        named = {} if what is Picture.FAILURES or metric is None else {"metric": metric}
        figure = draw(segments.frame, **named).figure
        publish(output, partial(figure.savefig, dpi=150, facecolor="none" if output.suffix == ".svg" else "white"))
        if as_json:
            print_json({"path": str(output)})
        elif quiet:
            print_ids(segments.names)
        else:
            hint(f"the picture is in {output}")
