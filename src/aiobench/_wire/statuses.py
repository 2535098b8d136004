"""The statuses of a job: an open set of strings. Some are known to be pending, some to be terminal."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from aiobench._display import printable

__all__ = ["PENDING_STATUSES", "SUCCEEDED", "TERMINAL_STATUSES", "is_known", "normalized", "shown"]

LONGEST_SHOWN = 100  # characters

SUCCEEDED: frozenset[str] = frozenset({"completed", "success", "succeeded"})

PENDING_STATUSES: frozenset[str] = frozenset({
    "draft", "created", "scheduled", "pending", "queued", "initiated", "starting", "in_progress", "running",
    "processing", "canceling", "cancelling",
})  # fmt: skip
"""Statuses of a job that has not ended yet."""

TERMINAL_STATUSES: frozenset[str] = frozenset({
    "completed", "success", "succeeded", "failed", "canceled", "cancelled", "error", "errored", "aborted", "stopped",
    "rejected", "expired", "deleted", "timed_out",
})  # fmt: skip
"""Statuses of a job that has ended."""


def normalized(status: str) -> str:
    """Return *status* in the form that is compared: case folded, `-` replaced by `_`."""
    return status.casefold().replace("-", "_")


def shown(status: str) -> str:
    """Return a status for logs, errors and displays (F33): printable, on one line, and not too long."""
    cut = status if len(status) <= LONGEST_SHOWN else status[:LONGEST_SHOWN] + "\N{HORIZONTAL ELLIPSIS}"
    return printable(cut)


def is_known(status: str, terminal: AbstractSet[str]) -> bool:
    """Return whether *status* (normalized) is a known pending status, a known terminal one, or in *terminal*."""
    return status in PENDING_STATUSES or status in TERMINAL_STATUSES or status in terminal
