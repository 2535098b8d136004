"""Decodes JSON; every way this can fail becomes one error."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from aiobench._wire.pieces import decoded_in_pieces, freed_in_pieces
from aiobench._wire.sizes import takes_long

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MalformedDocumentError", "decoded", "decoded_as", "finite_number", "look"]

T = TypeVar("T")

ESCAPES = (
    r"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class MalformedDocumentError(ValueError):
    """Raised when bytes are not the expected document; the text says why."""


def finite_number(digits: str) -> float | None:
    """Read a number with a point or an exponent; one that no float holds is None.

    msgspec asks this for each: by itself it takes 15 to 30 microseconds for a number at either end of what floats hold,
    such as 5e-324, and thus seconds for a document of them.
    """
    value = float(digits)
    return value if math.isfinite(value) else None


_any = msgspec.json.Decoder(float_hook=finite_number)


def decoded(body: bytes) -> Any:
    """Decode any JSON, a large document so that other threads have their turn.

    Raises:
        MalformedDocumentError: If *body* is not JSON: cut, `NaN`, nested too deep, not UTF-8.
    """
    return decoded_in_pieces(body, _decoded_at_once) if takes_long(body) else _decoded_at_once(body)


def look(body: bytes, read: Callable[[Any], T]) -> T:
    """Decode any JSON as `decoded()` does, and return what *read* makes of it; nothing of the document is kept."""
    document = decoded(body)
    try:
        return read(document)
    finally:
        if takes_long(body):
            freed_in_pieces(document)


def _decoded_at_once(body: bytes) -> Any:
    try:
        return _any.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _leniently_decoded(body)


def decoded_as(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """Decode *body* as the decoder's type; None if it does not match."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _leniently_decoded(body: bytes) -> Any:
    """Decode what msgspec refuses although it is JSON (RFC 8259).

    A whole number of too many digits becomes null, and half a surrogate pair, which JavaScript writes where it cuts a
    text within an emoji, the replacement character.
    """
    try:
        text = re.sub(ESCAPES, _without_halves, body.decode("utf-8-sig"))
        with suppress(msgspec.MsgspecError):
            return _any.decode(text)
        try:
            return json.loads(text, parse_float=finite_number, parse_constant=_refused)
        except json.JSONDecodeError:
            raise
        except ValueError:  # more digits than Python converts; asking for each number takes ten times as long
            return json.loads(text, parse_int=_whole_number, parse_float=finite_number, parse_constant=_refused)
    except UnicodeDecodeError as error:
        raise MalformedDocumentError("not JSON: not UTF-8") from error
    except RecursionError as error:
        raise MalformedDocumentError("not usable JSON: nested too deep") from error
    except ValueError as error:
        raise MalformedDocumentError(f"not JSON: {error}") from error


def _without_halves(escape: re.Match[str]) -> str:
    """Return an escape as it is, or the replacement character for half a pair of surrogates."""
    return "\\ufffd" if escape["half"] else escape[0]


def _whole_number(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return None


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
