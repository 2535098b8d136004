"""The command line `aiobench`: one of the ways in.

Here belongs what talks to a person at a terminal: options, live displays, tables, exit codes. What a program could
want as well does not: commands stand on the public interface alone. rich and typer are the extra `cli`; importing this
package loads neither, `main()` does.
"""

from __future__ import annotations

import importlib
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
        The exit code where no command has run: 1 without the extra `cli`, 130 for a Ctrl-C that came too early or late.

    Raises:
        SystemExit: With the exit code of the command: 0; 1 for an error, printed as a sentence on stderr; 2 for
            wrong usage; 130 for Ctrl-C.
    """
    from aiobench.errors import MissingExtraError

    try:
        try:
            for package in ("rich", "typer"):
                importlib.import_module(package)
        except ImportError:
            sys.stderr.write(f"aiobench: {MissingExtraError('the command line', extra='cli')}\n")
            return 1
        from aiobench.cli.app import app

        app(args=None if arguments is None else list(arguments), prog_name="aiobench")
    except KeyboardInterrupt:  # so early that no command has begun, or so late that it has ended
        return 130
    return 0
