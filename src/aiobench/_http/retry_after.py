"""The `Retry-After` header (RFC 9110, section 10.2.3): seconds or a date, and not to be trusted."""

from __future__ import annotations

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LONGEST_RETRY_AFTER", "retry_after"]

LONGEST_RETRY_AFTER = 3600.0  # seconds: to whoever waits for it, a longer one counts as an hour
SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds the server asks to wait; None where it does not say, or says nonsense.

    A date is held against the reply's own `Date`, so that this machine's clock does not matter; one that has passed
    means 0.
    """
    value = headers.get("retry-after", "").strip()
    if SECONDS.fullmatch(value):
        return float(value)
    asked = _timestamp(value)
    if asked is None:
        return None
    now = _timestamp(headers.get("date", ""))
    return max(0.0, asked - (time.time() if now is None else now))


def _timestamp(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
