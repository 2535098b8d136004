"""Replies that repeat the API key (F33): it is taken out before anything is read from them."""

from __future__ import annotations

import re

from aiobench._http.redaction import LONG, hints, spellings

__all__ = ["KeyEchoes"]


class KeyEchoes:
    """Finds one key in replies, in every spelling that `redaction` knows.

    Every reply passes here, so the rule is first a search for bytes, which takes a microsecond or two. A key as short
    as a word, such as one typed to try things out, may be part of anything and is left where it is.
    """

    def __init__(self, key: str) -> None:
        self._hints = hints(key) if len(key) >= LONG else None
        self._pattern = re.compile(spellings(key).pattern.encode(), re.IGNORECASE)

    def removed_from(self, body: bytes) -> bytes:
        """Return a body without the key."""
        is_likely = self._hints is not None and self._hints.are_in(body)
        return self._pattern.sub(b"[redacted]", body) if is_likely else body
