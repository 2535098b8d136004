"""Errors of task groups, which come in exception groups, as the one error that a command reports."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_error"]


@contextmanager
def one_error() -> Iterator[None]:
    """Raise the first error of an exception group in its place."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from error.__cause__
