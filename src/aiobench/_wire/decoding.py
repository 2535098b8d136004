"""JSON bytes → values, with every way this can fail translated into one error."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

__all__ = ["MalformedDocumentError", "decoded", "strictly_decoded"]

T = TypeVar("T")

_any = msgspec.json.Decoder()


class MalformedDocumentError(ValueError):
    """Raised when bytes are not the document they should be; the text says why."""


def decoded(body: bytes) -> Any:
    """Decode any JSON.

    Raises:
        MalformedDocumentError: If *body* is not JSON: cut, `NaN`, nested too deep, not UTF-8.
    """
    return strictly_decoded(_any, body)


def strictly_decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode the type that *decoder* knows.

    Raises:
        msgspec.ValidationError: If it is JSON, but a value has another type than the decoder expects.
        MalformedDocumentError: If it is not JSON.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise MalformedDocumentError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise MalformedDocumentError("not usable JSON: nested too deep") from error
    except UnicodeDecodeError as error:
        raise MalformedDocumentError("not JSON: not UTF-8") from error
