"""Recognizes a reply that is the same as the last one, so that it need not be decoded again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from aiobench._http.exchange import ApiRequest
    from aiobench._http.platform import Platform
    from aiobench.snapshot import JobSnapshot

__all__ = ["DocumentPolls", "LastReply"]

ENTITY_TAG = re.compile(r'(W/)?"[!#-~]{0,200}"')  # RFC 9110, section 8.8.3, without what headers cannot carry safely
FULL_REQUEST_EVERY = 20  # requests: a server that keeps an ETag for a changed document is found out by then


class LastReply:
    """The digest and ETag of the last good reply."""

    __slots__ = ("_conditional", "_etag", "_is_etag_wrong", "digest")

    def __init__(self) -> None:
        self.digest: int | None = None
        self._etag: str | None = None
        self._is_etag_wrong = False
        self._conditional = 0  # requests in a row that named the ETag

    def condition(self) -> str | None:
        """Return the ETag for `If-None-Match` of the next request (RFC 9110, section 13.1.2), None for none."""
        is_due = self._conditional >= FULL_REQUEST_EVERY - 1
        if self.digest is None or self._etag is None or self._is_etag_wrong or is_due:
            self._conditional = 0
            return None
        self._conditional += 1
        return self._etag

    def note(self, digest: int | None, etag: str | None) -> None:
        """Take in a whole reply. An ETag that stood for two contents is not used again."""
        etag = etag if etag is not None and ENTITY_TAG.fullmatch(etag) else None
        if etag is not None and etag == self._etag and None is not self.digest != digest:
            self._is_etag_wrong = True
        self.digest, self._etag = digest, etag

    def forget(self) -> None:
        """Make sure that the next reply is decoded even if it is identical, because something else has changed."""
        self.digest = None


class DocumentPolls:
    """Requests a job's document, once per call. The same reply again gives the same snapshot, polled anew.

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
        known = self._last.digest
        answer = await self._platform.ask(self._request, self._decode, etag=self._last.condition(), known=known)
        if answer.value is not None:
            self._snapshot = answer.value
            self._last.note(answer.digest, answer.etag)
        else:
            assert self._snapshot is not None  # of the reply that this one is the same as
            self._snapshot = evolve(self._snapshot, polled_at=datetime.now(UTC))
        return self._snapshot, answer.retry_after
