"""Decodes JSON; every way this can fail becomes one error."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeVar

import msgspec

__all__ = ["MalformedDocumentError", "decoded", "decoded_as"]

T = TypeVar("T")

_any = msgspec.json.Decoder()


class MalformedDocumentError(ValueError):
    """Raised when bytes are not the expected document; the text says why."""


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
    return json.loads(text, parse_int=_whole_number, parse_float=_finite_number, parse_constant=_refused)


def _whole_number(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return None


def _finite_number(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
