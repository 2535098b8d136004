"""What is kept of the last reply to a repeated request: enough to recognize it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["LastReply", "Reading"]

T = TypeVar("T")

ENTITY_TAG = re.compile(r'(W/)?"[!#-~]{0,200}"')  # RFC 9110, section 8.8.3, without what headers cannot carry safely
FULL_REQUEST_EVERY = 20  # requests: a server that keeps an ETag for a changed document is found out by then


class LastReply:
    """The digest and ETag of the last good reply.

    The digest is Python's own hash of bytes: 64 bits under a key of this process (SipHash), at a quarter of the cost of
    a cryptographic one. A server that could make two bodies collide would only hide its own news.
    """

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


class Reading(Generic[T]):
    """Decodes a body unless it is byte for byte the last one, as most are."""

    def __init__(self, last: LastReply | None, decode: Callable[[bytes], T]) -> None:
        self._last = last.digest if last is not None else None
        self._decode = decode
        self.digest = self._last
        self.size = 0  # 0 for a 304, which has no body

    def __call__(self, body: bytes) -> T | None:
        self.digest, self.size = hash(body), len(body)
        return None if self.digest == self._last else self._decode(body)
