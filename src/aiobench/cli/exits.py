"""How commands end: an exit code and at most one sentence, never a traceback for what users can mend."""

from __future__ import annotations

import errno
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from aiobench.errors import AiobenchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["told_in_a_sentence"]

INTERRUPTED = 130  # 128 + SIGINT, as shells count it


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """Run a command; errors of the tree and of the system become a sentence on stderr and exit code 1.

    Ctrl-C exits with 130. A request to end from outside (SIGTERM, SIGHUP) unwinds the command as Ctrl-C does, so that
    servers stop and temporary folders go, and exits with 128 + the signal's number.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP; nohup has it ignored already
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("aiobench: interrupted\n")
        raise typer.Exit(INTERRUPTED) from None
    except (AiobenchError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # who read the output has left: typer ends quietly
        sys.stderr.write(f"aiobench: {' '.join(str(error).split())}\n")
        raise typer.Exit(1) from None


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
