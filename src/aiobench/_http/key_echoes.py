"""Replies that repeat the API key (F33): it is taken out before anything is read from them."""

from __future__ import annotations

import re

__all__ = ["KeyEchoes"]

LONG = 12  # characters: a key of that length is not a word by chance


class KeyEchoes:
    """Finds one key in replies, in upper or lower case, its characters escaped for JSON or not.

    Every reply passes here, so the rule is first a search for bytes, which takes a microsecond. A key as short as a
    word, such as one typed to try things out, may be part of anything and is left where it is.
    """

    def __init__(self, key: str) -> None:
        first = f"\\u{ord(key[0]):04x}"
        hints = (key, key.lower(), key.upper(), first, first.upper().replace("U", "u", 1)) if len(key) >= LONG else ()
        self._hints = frozenset(each.encode() for each in hints)
        written = "".join(rf"(?:{re.escape(each)}|\\u{ord(each):04x})" for each in key)
        self._pattern = re.compile(written.encode(), re.IGNORECASE)

    def removed_from(self, body: bytes) -> bytes:
        """Return a body without the key."""
        return self._pattern.sub(b"[redacted]", body) if any(hint in body for hint in self._hints) else body
