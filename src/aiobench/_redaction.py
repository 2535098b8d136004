"""Keeps keys and signatures out of everything that is shown."""

from __future__ import annotations

import re
from urllib.parse import unquote

from aiobench._spellings import LONG, in_base64, without
from aiobench._values import Value

__all__ = ["KeyEchoes", "excerpt", "on_one_line", "redacted", "secrets_of", "without_query"]

SHORTEST_RUN = 4  # letters and digits of a secret that are worth searching for
NO_SECRET = 6  # characters: a shorter value of a query's parameter is no signature
WORD = re.compile(r"[^\s\"'<>]+")
SLASHES, QUESTION_MARK = re.compile(r"/\\*/"), re.compile(r"\?|\\u003f", re.IGNORECASE)  # also as JSON may escape them
SIGNATURE = (
    r"(?i)(?<![A-Za-z0-9])"
    r"((?:X-Amz-\w+|X-Goog-\w+|AWSAccessKeyId|Signature|sig|token|access_token)(?:=|%3D))[^\s\"'<>&]+"
)


def redacted(text: str, *secrets: str) -> str:
    """Return *text* without *secrets*, the query strings of the URLs in it, and parameters that sign a URL.

    A secret as short as a word, such as a key typed to try things out, is taken out only where it stands alone.
    """
    return _without_queries(_without_secrets(text, secrets))


def excerpt(text: str, length: int, *secrets: str) -> str:
    """Return the beginning of *text*, redacted.

    Secrets are taken out first: one across the edge would be half shown. Of queries not even the half is shown.
    """
    edge = 4 * length
    beginning = text[: edge + 10 * max(map(len, secrets), default=0)]  # a spelling takes up to ten for one
    return _without_queries(_without_secrets(beginning, secrets)[:edge])[:length]


def on_one_line(text: str, length: int = 200) -> str:
    """Return the beginning of a server's text, on one line and without control characters."""
    cut = text[:length] + "…" if len(text) > length else text
    return "".join(each if each.isprintable() else " " for each in cut)


def secrets_of(url: str) -> tuple[str, ...]:
    """Return what may be secret in *url*: its query string and each value in it, both encoded and decoded.

    The longest come first, for others may be parts of them.
    """
    query = url.partition("?")[2].partition("#")[0]
    sent = [query, *(part.partition("=")[2] or part for part in query.split("&"))]
    found = {each for value in sent for each in (value, unquote(value)) if len(each) >= NO_SECRET}
    return tuple(sorted(found, key=len, reverse=True))


def _without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    written = text.encode("utf-8", "surrogatepass")
    return without(written, secrets).decode("utf-8", "surrogatepass") if secrets else text


class _Hints(Value, frozen=True):
    """Byte strings that are fast to search for. A text without any of them has no spelling of the secret.

    Attributes:
        plain: The longest run of letters and digits, which nothing escapes in part, and the secret in base64.
        escaped: For the character with which escapes begin, how the beginning of the secret is escaped.
    """

    plain: tuple[bytes, ...]
    escaped: tuple[tuple[bytes, tuple[bytes, ...]], ...]

    def are_in(self, text: bytes) -> bool:
        for each in self.plain:  # loops, for they take two thirds of the time that generators take
            if each in text:
                return True
        for begin, ways in self.escaped:
            if begin in text:
                for way in ways:
                    if way in text:
                        return True
        return False


def _hints(secret: str) -> _Hints:
    """Return the hints of a secret."""
    run = max(re.findall(r"[A-Za-z0-9]+", secret), key=len, default="")
    run = run if len(run) >= SHORTEST_RUN else secret
    code = ord(secret[0])
    escaped = {
        "\\": [f"u{code:04x}", f"u{code:04X}"],
        "%": [
            "".join(f"{percent}{format(ord(each), form)}" for each in secret[:SHORTEST_RUN])
            for percent in ("%", "%25")
            for form in ("02x", "02X")
        ],
        "&": [f"#{code};", f"#0{code};", f"#x{code:x};", f"#x{code:X};", f"#X{code:X};"],
    }
    return _Hints(
        tuple(
            dict.fromkeys([*(each.encode() for each in (run, run.lower(), run.upper())), *in_base64(secret.encode())])
        ),
        tuple((begin.encode(), tuple(way.encode() for way in dict.fromkeys(ways))) for begin, ways in escaped.items()),
    )


class KeyEchoes:
    """Removes one key from replies, in every spelling that a server could echo.

    Every reply passes here, so the rule is first a search for bytes, which takes a microsecond or two. A key as short
    as a word, such as one typed to try things out, may be part of anything and is left where it is.
    """

    def __init__(self, key: str) -> None:
        self._hints = _hints(key) if len(key) >= LONG else None
        self._key = key

    def removed_from(self, body: bytes) -> bytes:
        """Return a body without the key."""
        return without(body, [self._key]) if self.may_be_in(body) else body

    def may_be_in(self, body: bytes) -> bool:
        """Whether the key may be in a body. If so, it takes up to 0.3 s a MiB to take it out."""
        return self._hints is not None and self._hints.are_in(body)


def _without_queries(text: str) -> str:
    return re.sub(SIGNATURE, r"\1[redacted]", WORD.sub(lambda word: _without_its_query(word[0]), text))


def _without_its_query(word: str) -> str:
    slashes = SLASHES.search(word)
    mark = QUESTION_MARK.search(word, slashes.end()) if slashes else None
    return f"{word[: mark.start()]}?[redacted]" if mark else word


def without_query(url: str) -> str:
    """Return *url* without query and fragment, which may hold a signature."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
