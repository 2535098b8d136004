"""The statuses of a job: an open set of strings, of which some are known to be an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["COMPLETED", "PENDING_STATUSES", "TERMINAL_STATUSES", "is_known", "normalized"]

COMPLETED = "completed"

PENDING_STATUSES: frozenset[str] = frozenset({
    "draft", "created", "scheduled", "pending", "queued", "initiated", "starting", "in_progress", "running",
    "processing", "canceling", "cancelling",
})  # fmt: skip
"""Statuses of a job that is still going somewhere."""

TERMINAL_STATUSES: frozenset[str] = frozenset({
    "completed", "failed", "canceled", "cancelled", "error", "errored", "aborted", "stopped", "rejected",
    "expired", "deleted", "timed_out",
})  # fmt: skip
"""Statuses of a job that has ended."""


def normalized(status: str) -> str:
    """Return *status* as it is compared: without regard to case, with `-` and `_` alike."""
    return status.casefold().replace("-", "_")


def is_known(status: str, terminal: AbstractSet[str]) -> bool:
    """Tell whether *status* (normalized) means something to us: pending, or an end by *terminal*."""
    return status in PENDING_STATUSES or status in TERMINAL_STATUSES or status in terminal
