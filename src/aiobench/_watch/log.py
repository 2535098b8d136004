"""Logging of polls: not of each one, since there are thousands."""

from __future__ import annotations

import logging

from aiobench._wire.statuses import shown

__all__ = ["logger", "reaches_a_power_of_ten", "warn_of_unknown_status"]

logger = logging.getLogger("aiobench.watch")


def reaches_a_power_of_ten(times: int) -> bool:
    """Return whether this is the 1st, 10th, 100th … occurrence."""
    return times > 0 and times == 10 ** (len(str(times)) - 1)


def warn_of_unknown_status(job_id: str, status: str, times: int) -> None:
    """Warn of an unknown status at the 1st, 10th, 100th … time (F13)."""
    if reaches_a_power_of_ten(times):
        logger.warning(
            "job %s: unknown status %r (seen %d times), treated as not terminal; "
            "set PollPolicy(terminal=) if it is terminal",
            job_id,
            shown(status),
            times,
        )
