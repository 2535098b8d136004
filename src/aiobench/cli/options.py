"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from aiobench.cli.output import hint
from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "AsJson",
    "Benchmark",
    "Jobs",
    "OptionalJobs",
    "Output",
    "Quiet",
    "Timeout",
    "nearest",
    "read_ids",
    "seconds",
]

DURATION = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>s|m|h|d|)\s*", re.IGNORECASE)
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Read a duration: `90`, `90s`, `10m`, `2h`, `1d`, or several in a row, as in `1h30m`.

    Raises:
        typer.BadParameter: If it is not one.
    """
    total, position = 0.0, 0
    while position < len(text):
        found = DURATION.match(text, position)
        if found is None or (found["unit"] == "" and (position or found.end() < len(text))):
            break
        total += float(found["number"]) * UNITS[found["unit"].lower()]
        position = found.end()
    if not text.strip() or position < len(text):
        raise typer.BadParameter(f"{text!r} is not a duration; write 90, 90s, 10m, 2h or 1h30m")
    return total


JOBS_HELP = "Job ids. - reads them from stdin."

Jobs: TypeAlias = Annotated[list[str], typer.Argument(metavar="JOB", help=JOBS_HELP, show_default=False)]
OptionalJobs: TypeAlias = Annotated[list[str] | None, typer.Argument(metavar="JOB", help=JOBS_HELP, show_default=False)]
Benchmark: TypeAlias = Annotated[str, typer.Argument(metavar="BENCHMARK", help="The benchmark's id.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Quiet: TypeAlias = Annotated[bool, typer.Option("--quiet", "-q", help="Print ids alone, one per line.")]
Output: TypeAlias = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Save as .csv, .parquet, .jsonl, .xlsx, .md or .tex."),
]
Timeout: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        "-t",
        metavar="DURATION",
        parser=seconds,
        show_default="no limit",
        help="How long to wait: 90, 90s, 10m, 2h.",
    ),
]


def read_ids(values: Sequence[str], what: str = "job") -> list[str]:
    """Return ids in order, each once; `-` stands for those on stdin, separated by white space.

    Raises:
        ConfigurationError: If there are none.
    """
    ids: dict[str, None] = {}
    for value in values:
        if value == "-":
            if sys.stdin.isatty():
                hint(f"reading {what} ids from the terminal; end with Ctrl-D")
            ids |= dict.fromkeys(_stdin().split())
        else:
            ids[value] = None
    if not ids:
        source = "on stdin" if "-" in values else "given"
        raise ConfigurationError(f"no {what} ids {source}; `aiobench jobs BENCHMARK -q` prints those of a benchmark")
    return list(ids)


def _stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"stdin is not text: {error}") from error


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that is nearest to *name*, or ""."""
    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
