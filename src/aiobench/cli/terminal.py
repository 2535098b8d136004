"""The console that commands write to."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["console_of_stdout", "has_live_display", "say"]


def console_of_stdout() -> Console:
    """Return a console on stdout that prints what it is given: names with brackets or colons are not markup."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a path that the terminal cannot show is no reason to fail
    return Console(markup=False, emoji=False, highlight=False)


def has_live_display(console: Console) -> bool:
    """Tell whether lines can be drawn anew: a terminal, not one that only takes colours (`FORCE_COLOR`)."""
    return console.is_interactive and console.file.isatty()


def say(console: Console, line: str | Text) -> None:
    """Print text without breaking its lines, so that paths and code can be copied."""
    console.print(line, soft_wrap=True)
