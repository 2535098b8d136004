"""Decodes JSON; every way this can fail becomes one error."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

import msgspec

__all__ = ["MalformedDocumentError", "decoded", "decoded_as", "finite_number"]

T = TypeVar("T")


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
    """Decode any JSON.

    Raises:
        MalformedDocumentError: If *body* is not JSON: cut, `NaN`, nested too deep, not UTF-8.
    """
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

    A number that no float holds becomes null, and half a surrogate pair, which JavaScript writes where it cuts a text
    within an emoji, the replacement character.
    """
    try:
        text = body.decode("utf-8-sig")
        value = _loaded(text)
        if "\\ud" in text.lower():
            written = json.dumps(value, ensure_ascii=False)
            value = _loaded(written.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except UnicodeDecodeError as error:
        raise MalformedDocumentError("not JSON: not UTF-8") from error
    except RecursionError as error:
        raise MalformedDocumentError("not usable JSON: nested too deep") from error
    except ValueError as error:
        raise MalformedDocumentError(f"not JSON: {error}") from error
    return value


def _loaded(text: str) -> Any:
    return json.loads(text, parse_int=_whole_number, parse_float=finite_number, parse_constant=_refused)


def _whole_number(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return None


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
