"""The API key: where it comes from, and how it is kept out of everything that is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiobench._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["excerpt", "redacted", "resolved_api_key", "secrets_of", "without_query"]

LONG = 12  # characters that are no word by chance
NO_SECRET = 6  # characters: the value of a query's parameter that is shorter is no signature
WORD = re.compile(r"[^\s\"'<>]+")
SLASHES, QUESTION_MARK = re.compile(r"/\\*/"), re.compile(r"\?|\\u003f", re.IGNORECASE)  # also as JSON may escape them
SIGNATURE = re.compile(r"(?<![A-Za-z0-9])((?:X-Amz-\w+|Signature|sig|token)=)[^\s\"'<>&]+", re.IGNORECASE)
KEY_VARIABLES = ("TEAM_API_KEY", "AIXPLAIN_API_KEY")


def resolved_api_key(argument: str | None, environ: Mapping[str, str]) -> str:
    """Choose the key: the argument, or the environment's if there is none.

    Raises:
        ConfigurationError: If there is no key, the environment has two different ones, or the key cannot be sent.
    """
    if argument is None:
        found = {name: key for name in KEY_VARIABLES if (key := environ.get(name, "").strip())}
        if not found:
            raise ConfigurationError(
                "no API key: pass api_key=, or set TEAM_API_KEY (aiobench does not read .env files)"
            )
        if len(set(found.values())) > 1:
            raise ConfigurationError(
                "TEAM_API_KEY and AIXPLAIN_API_KEY are both set and differ: unset one, or pass api_key="
            )
        argument = next(iter(found.values()))
    key = argument.strip() if isinstance(argument, str) else ""
    if not key or not key.isascii() or not key.isprintable():
        raise ConfigurationError("the API key must be a non-empty string of printable ASCII characters")
    return key


def redacted(text: str, *secrets: str) -> str:
    """Return *text* without *secrets*, the query strings of the URLs in it, and parameters that sign a URL.

    A secret as short as a word, such as a key typed to try things out, is taken out only where it stands alone.
    """
    return _without_queries(_without_secrets(text, secrets))


def excerpt(text: str, length: int, *secrets: str) -> str:
    """Return the beginning of *text*, redacted.

    Secrets are taken out first: one across the edge would be half shown. Of queries not even the half is shown.
    """
    return _without_queries(_without_secrets(text, secrets)[: 4 * length])[:length]


def secrets_of(url: str) -> tuple[str, ...]:
    """Return what may be a secret in *url*: its query string, and each value in that, as it is sent and as it is meant.

    The longest come first, for others may be parts of them.
    """
    query = url.partition("?")[2].partition("#")[0]
    sent = [query, *(part.partition("=")[2] or part for part in query.split("&"))]
    found = {each for value in sent for each in (value, unquote(value)) if len(each) >= NO_SECRET}
    return tuple(sorted(found, key=len, reverse=True))


def _without_secrets(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        pattern = re.escape(secret) if len(secret) >= LONG else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, "[redacted]", text)
    return text


def _without_queries(text: str) -> str:
    return SIGNATURE.sub(r"\1[redacted]", WORD.sub(lambda word: _without_its_query(word[0]), text))


def _without_its_query(word: str) -> str:
    slashes = SLASHES.search(word)
    mark = QUESTION_MARK.search(word, slashes.end()) if slashes else None
    return f"{word[: mark.start()]}?[redacted]" if mark else word


def without_query(url: str) -> str:
    """Return *url* without query and fragment, which may hold a signature."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
