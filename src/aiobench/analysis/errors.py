"""What is wrong with an analysis that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiobench.errors import AiobenchError, MissingExtraError

__all__ = ["AnalysisError", "needs_stats"]

STATS = ("scipy", "statsmodels")


class AnalysisError(AiobenchError, ValueError):
    """Raised when a frame cannot answer the question; the text names what the frame does have."""


@contextmanager
def needs_stats() -> Iterator[None]:
    """Name the extra where scipy or statsmodels is missing; also a decorator."""
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in STATS:
            raise
        raise MissingExtraError("aiobench.analysis", extra="stats") from error
