"""The command line `aiobench`: one of the ways in.

What talks to a person at a terminal belongs here: options, live displays, tables, exit statuses. What a program could
use as well does not: commands use the public interface alone. rich and typer are the extra `cli`; importing this
package loads neither, `main()` does.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: The command line without the program's name. Defaults to that of this process.

    Returns:
        The exit status where no command ran: 2 without the extra `cli`, 130 for a Ctrl-C that came too early or late.

    Raises:
        SystemExit: With the exit status of the command; see `aiobench.cli.exits.Exit`.
    """
    try:
        try:
            for package in ("rich", "typer"):
                importlib.import_module(package)
        except ImportError:
            from aiobench.errors import MissingExtraError

            sys.stderr.write(f"aiobench: {MissingExtraError('the command line', extra='cli')}\n")
            return 2
        from aiobench.cli.app import app

        if sys.platform == "win32":
            _write_unicode()
        app(args=None if arguments is None else list(arguments), prog_name="aiobench")
    except KeyboardInterrupt:  # so early that no command has begun, or so late that it has ended
        return 130
    return 0


def _write_unicode() -> None:
    """Write UTF-8 into pipes and files, as elsewhere: Windows' default has characters of a few languages only."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty() and not os.environ.get("PYTHONIOENCODING"):
        sys.stdout.reconfigure(encoding="utf-8")
