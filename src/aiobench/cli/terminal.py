"""The console that commands write to."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from aiobench.cli.exits import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

UNBOUNDED = 100_000  # columns where nobody looks: nothing is cut
__all__ = ["console_of_stdout", "has_live_display", "outline", "say"]


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would exit with 1, which says that a job failed


def console_of_stdout() -> Console:
    """Return a console on stdout that prints what it is given: names with brackets or colons are not markup."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a path that the terminal cannot show is no reason to fail
    width = None if sys.stdout.isatty() else UNBOUNDED
    return _Console(markup=False, emoji=False, highlight=False, width=width)


def has_live_display(console: Console) -> bool:
    """Tell whether lines can be drawn anew: a terminal, not one that only takes colours (`FORCE_COLOR`)."""
    return console.is_interactive and console.file.isatty()


def say(console: Console, line: str | Text) -> None:
    """Print text without breaking its lines, so that paths and code can be copied."""
    console.print(line, soft_wrap=True)


def outline(document: object, depth: int = 0) -> Text:
    """Show free-form JSON as indented lines."""
    from rich.text import Text

    return Text("\n").join(Text("  " * level + line, overflow="fold") for level, line in _outlined(document, depth))


def _outlined(value: object, depth: int) -> Iterator[tuple[int, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            if isinstance(each, dict | list) and each:
                yield depth, printable(str(key))
                yield from _outlined(each, depth + 1)
            else:
                yield depth, printable(f"{key}: {each}")
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict | list):
                yield depth, "-"
                yield from _outlined(each, depth + 1)
            else:
                yield depth, printable(f"- {each}")
