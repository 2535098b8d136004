"""How commands end: an exit status and at most one sentence, never a traceback for what a user can fix."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

import typer

from aiobench.cli.signals import exit_on_signals
from aiobench.errors import (
    AiobenchError,
    APIStatusError,
    ConfigurationError,
    JobFailedError,
    JobsWaitTimeoutError,
    MissingExtraError,
    WaitTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Exit", "error_fields", "exit_of", "printable", "reporting_errors", "sentence", "worst"]

PASSING = frozenset({408, 409, 421, 423, 425, 429, 499})  # 4xx statuses that say nothing about the request itself


class Exit(IntEnum):
    """The exit statuses of all commands."""

    OK = 0
    VERDICT = 1  # a job failed or was abandoned, or a gate said no
    USAGE = 2  # wrong usage or settings
    REFUSED = 3  # the API refused
    LATE = 4  # not done in time
    NO_VERDICT = 5  # unreachable, no usable answer, inconclusive, trouble with a local file
    INTERRUPTED = 130  # 128 + SIGINT
    UNREAD = 141  # 128 + SIGPIPE: the reader of our output has left


WORST_FIRST = (Exit.REFUSED, Exit.NO_VERDICT, Exit.LATE, Exit.VERDICT, Exit.OK)


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the exit status of a command about many jobs: the worst of theirs."""
    return min(exits, key=WORST_FIRST.index, default=Exit.OK)


def exit_of(error: Exception) -> Exit:
    """Return the exit status that an error stands for."""
    if isinstance(error, APIStatusError):
        is_refusal = 400 <= error.status_code < 500 and error.status_code not in PASSING
        return Exit.REFUSED if is_refusal else Exit.NO_VERDICT
    if isinstance(error, WaitTimeoutError | JobsWaitTimeoutError):
        return Exit.LATE
    if isinstance(error, JobFailedError):
        return Exit.VERDICT
    # AnalysisError is a ValueError that names what there is instead
    if isinstance(error, ConfigurationError | MissingExtraError | ValueError):
        return Exit.USAGE
    return Exit.NO_VERDICT


def sentence(error: Exception) -> str:
    """Return what an error says, on one line, with control characters escaped."""
    return printable(" ".join(str(error).split()))


def _paragraph(error: Exception) -> str:
    """Return what an error says; what it shows on lines of its own, as a rule and its caret, stays there."""
    if not isinstance(error, ValueError):  # a server's text
        return sentence(error)
    head, *shown = str(error).split("\n  ")
    return "\n  ".join([printable(" ".join(head.split())), *map(printable, shown)])


def printable(text: str) -> str:
    """Escape control characters, which must not steer a terminal, and what the terminal cannot show."""
    if not text.isprintable():
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
    if text.isascii():
        return text
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)  # as wide as it will be shown


@contextmanager
def reporting_errors(*, as_json: bool = False) -> Iterator[None]:
    """Run a command; an error becomes one sentence on stderr, or one JSON document, and an exit status.

    Ctrl-C exits with 130. SIGTERM and SIGHUP unwind the command as Ctrl-C does, so that servers stop, journals close
    and temporary folders go, and exit with 128 + the signal's number. Output that nobody reads ends it quietly.
    """
    exit_on_signals()
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("aiobench: interrupted\n")
        raise typer.Exit(Exit.INTERRUPTED) from None
    except (AiobenchError, OSError) as error:
        if _is_unread(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the end
            raise typer.Exit(Exit.UNREAD) from None
        status = exit_of(error)
        if as_json:
            from aiobench.cli.output import print_json

            print_json({"error": error_fields(error)})
        sys.stderr.write(f"aiobench: {_paragraph(error)}\n")
        raise typer.Exit(status) from None


def _is_unread(error: Exception) -> bool:
    """Tell whether the reader of the output has left, for which Windows has no word of its own."""
    if isinstance(error, BrokenPipeError):
        return True
    is_vague = isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    return is_vague and sys.platform == "win32"


def error_fields(error: Exception) -> dict[str, object]:
    """Return an error as `--json` shows it."""
    return {"kind": type(error).__name__, "message": sentence(error), "status": int(exit_of(error))}
