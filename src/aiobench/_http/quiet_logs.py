"""Keeps what servers send out of httpcore's debug log (F18).

At DEBUG httpcore logs the headers of each reply, and the `Location` of a redirect to a results file holds a signature.
This affects only our own requests: other users of httpcore in this process see their usual log. A program may have put
httpcore2 in httpcore's place, which logs under its own name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["without_replies_in_the_log"]

_is_ours: ContextVar[bool] = ContextVar("aiobench request", default=False)


@contextmanager
def without_replies_in_the_log() -> Iterator[None]:
    """Cut httpcore's log records about requests made in this block."""
    token = _is_ours.set(True)
    try:
        yield
    finally:
        _is_ours.reset(token)


class _Cut(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if _is_ours.get():
            record.msg = str(record.msg).partition(" ")[0]
        return True


for _package in ("httpcore", "httpcore2"):
    for _part in ("http11", "proxy", "socks"):
        logging.getLogger(f"{_package}.{_part}").addFilter(_Cut())
