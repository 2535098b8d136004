"""Polls one job's document. A reply identical to the last one is not decoded again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import evolve

from aiobench._watch.last_reply import LastReply, Reading

if TYPE_CHECKING:
    from aiobench._http.platform import Platform
    from aiobench._http.requests import ApiRequest
    from aiobench.snapshot import JobSnapshot

__all__ = ["DocumentPolls"]


class DocumentPolls:
    """Requests a job's document, once per call.

    Args:
        platform: The platform to ask.
        request: Asks for the document.
        decode: Makes the snapshot of a reply.
    """

    def __init__(self, platform: Platform, request: ApiRequest, decode: Callable[[bytes], JobSnapshot]) -> None:
        self._platform = platform
        self._request = request
        self._decode = decode
        self._last = LastReply()
        self._snapshot: JobSnapshot | None = None

    async def __call__(self) -> tuple[JobSnapshot, float | None]:
        """Request the document once.

        Returns:
            The snapshot, and the seconds that the server asks to wait before the next poll, or None.

        Raises:
            APIError: If the request brings no usable reply; the subclass says why.
        """
        reading = Reading(self._last, self._decode)
        answer = await self._platform.ask(self._request, reading, etag=self._last.condition())
        if answer.value is not None:
            self._snapshot = answer.value
            self._last.note(reading.digest, answer.etag)
        else:
            assert self._snapshot is not None  # of the reply that this one is the same as
            self._snapshot = evolve(self._snapshot, polled_at=datetime.now(UTC))
        return self._snapshot, answer.retry_after
