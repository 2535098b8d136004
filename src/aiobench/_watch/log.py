"""What the log is told of polls: not of each one, for there are thousands."""

from __future__ import annotations

import logging

__all__ = ["is_told", "logger", "warn_of_unknown_status"]

logger = logging.getLogger("aiobench.watch")


def is_told(times: int) -> bool:
    """Tell whether the log is told of what happened so many times: the 1st, the 10th, the 100th and so on."""
    return times > 0 and times == 10 ** (len(str(times)) - 1)


def warn_of_unknown_status(job_id: str, status: str, times: int) -> None:
    """Warn of a status that nobody knows, at some of the *times* that it was seen (FAULTS F13)."""
    if is_told(times):
        logger.warning(
            "job %s: unknown status %r (seen %d times), taken for not terminal; "
            "PollPolicy(terminal=) can say otherwise",
            job_id,
            status,
            times,
        )
