"""`aiobench gate`: a check for CI."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from aiobench.cli.exits import Exit, reporting_errors
from aiobench.cli.options import AsJson
from aiobench.cli.output import print_json

__all__ = ["EXAMPLE", "command"]

EXAMPLE = 'Example: aiobench gate --baseline JOB --candidate JOB "failure rate <= 2"'

EXITS = {"pass": Exit.OK, "fail": Exit.VERDICT, "inconclusive": Exit.NO_VERDICT}


def command(
    rules: Annotated[list[str], typer.Argument(metavar="RULE", help="Rules, each in quotes.", show_default=False)],
    *,
    baseline: Annotated[str, typer.Option("--baseline", metavar="JOB", help="The job or file to compare with.")],
    candidate: Annotated[str, typer.Option("--candidate", metavar="JOB", help="The job or file to check.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="The candidate's model, if it has several.", show_default="all"),
    ] = None,
    baseline_model: Annotated[
        str | None,
        typer.Option(
            "--baseline-model", metavar="MODEL", help="The baseline's model.", show_default="the one of the same name"
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Also save the verdicts as Markdown.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Also save the verdicts as JUnit XML.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict alone, in one word.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check that a candidate is not worse than a baseline.

    A rule bounds the gain over the baseline, which is above zero where the candidate is better: "BLEU by sacrebleu >=
    -0.5" allows half a point less, "chrF by sacrebleu > 0" asks for a significant gain, "failure rate <= 2" allows 2
    percent of the segments to have failed.

    The exit status is 0 if all rules pass, 1 if one fails, and 5 if the data cannot decide one.
    """
    with reporting_errors(as_json=as_json):
        from aiobench.analysis import gate
        from aiobench.cli.files import check_target, publish
        from aiobench.cli.sources import read_segments

        for path, endings in ((markdown, [".md"]), (junit, [".xml"])):
            if path is not None:
                check_target(path, endings)
        before, after = read_segments([baseline]).frame, read_segments([candidate]).frame
        result = gate(before, after, rules, model=model, baseline_model=baseline_model)
        for path, text in ((markdown, result.to_markdown()), (junit, result.to_junit())):
            if path is not None:
                publish(path, partial(Path.write_text, data=text, encoding="utf-8"))
        if as_json:
            print_json(result.to_dict())
        elif quiet:
            typer.echo(result.outcome)
        else:
            typer.echo(str(result))
    if EXITS[result.outcome] is not Exit.OK:
        raise typer.Exit(EXITS[result.outcome])
