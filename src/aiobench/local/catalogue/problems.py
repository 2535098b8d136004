"""Mistakes in a user's data, collected so that one run reports them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DataError", "refuse"]

MOST = 20  # mistakes listed; a wrong column repeats itself in every row


class DataError(Exception):
    """Raised when data cannot be used. It lists every mistake and where it is."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes: tuple[str, ...] = tuple(mistakes)


def refuse(mistakes: Sequence[str]) -> None:
    """Raise `DataError` if there are mistakes.

    Args:
        mistakes: One sentence each, with file and line where there is one.

    Raises:
        ConfigurationError: If there is any, with all of them (the first 20, and how many more).
    """
    if not mistakes:
        return
    if len(mistakes) == 1:
        raise ConfigurationError(mistakes[0])
    listed = [f"  - {mistake}" for mistake in mistakes[:MOST]]
    if len(mistakes) > MOST:
        listed.append(f"  - and {len(mistakes) - MOST} more")
    raise ConfigurationError("\n".join([f"{len(mistakes)} mistakes:", *listed]))
