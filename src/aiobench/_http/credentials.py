"""The API key: where it comes from, and how it is kept out of everything that is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["redacted", "resolved_api_key", "without_query"]

LONG = 12  # characters that are no word by chance
KEY_VARIABLES = ("TEAM_API_KEY", "AIXPLAIN_API_KEY")


def resolved_api_key(argument: str | None, environ: Mapping[str, str]) -> str:
    """Choose the key: the argument, else the environment's.

    Raises:
        ConfigurationError: If there is none, or the environment names two different ones, or it cannot be sent.
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
    """Return *text* without *secrets* and without the query strings of the URLs in it.

    A secret as short as a word, such as a key typed to try things out, is taken out only where it stands alone.
    """
    for secret in secrets:
        pattern = re.escape(secret) if len(secret) >= LONG else rf"(?<!\w){re.escape(secret)}(?!\w)"
        text = re.sub(pattern, "[redacted]", text)
    return re.sub(r"(\w://[^\s\"'<>?]*)\?[^\s\"'<>]*", r"\1?[redacted]", text)


def without_query(url: str) -> str:
    """Return *url* without query and fragment, which may hold a signature."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
