"""Requests to the fake platform and its replies, independent of the transport."""

from __future__ import annotations

import json
from typing import Any

from attrs import field, frozen

__all__ = ["JSON", "FakeRequest", "RefusedError", "Reply", "json_reply"]

JSON = (("content-type", "application/json"),)


@frozen
class FakeRequest:
    """A request that a fake platform received.

    Attributes:
        method: `GET` or `POST`.
        route: Its route, such as `sdk/benchmarks/jobs/{jobId}`; `{reportUrl}` for results.
        job: The id of the job it is about, if it is about one.
        benchmark: The id of the benchmark it is about, if it is about one.
        at: When it came, in seconds of the platform's clock.
    """

    method: str
    route: str
    job: str | None = None
    benchmark: str | None = None
    at: float = 0.0


@frozen
class Reply:
    """A reply. If `is_lost`, the connection drops instead.

    Attributes:
        after: Seconds, on the platform's clock, until it is sent.
    """

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    after: float = 0.0
    is_lost: bool = False


class RefusedError(Exception):
    """Raised when a request breaks a rule of docs/reference/wire.md.

    Attributes:
        status: The status to answer with.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def json_reply(document: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Create a reply with a JSON document."""
    return Reply(status, json.dumps(document).encode(), (*JSON, *headers))
