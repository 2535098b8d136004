"""F33: replies that repeat the API key."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode

import pytest

from aiobench._redaction import KeyEchoes

KEY = "a1B2-c3D4_e5F6"


@pytest.mark.parametrize(
    "written",
    [
        KEY,
        KEY.lower(),
        KEY.upper(),
        "".join(f"\\u{ord(each):04x}" for each in KEY),
        f"\\u0061{KEY[1:]}",
        KEY.replace("-", "\\u002D"),
        KEY.replace("-", "%2D").replace("_", "%5f"),
        "".join(f"%{ord(each):02X}" for each in KEY),
        "".join(f"%25{ord(each):02x}" for each in KEY),
        "".join(f"&#{ord(each)};" for each in KEY),
        "".join(f"&#x{ord(each):x};" for each in KEY),
    ],
)
def test_the_key_is_taken_out_however_it_is_written(written: str) -> None:
    """Upper or lower case, escaped for JSON, URLs or HTML, in whole or in part: what is read holds no key."""
    body = f'{{"status": "refused: Token {written}!", "note": "kept"}}'.encode()

    assert json.loads(KeyEchoes(KEY).removed_from(body)) == {"status": "refused: Token [redacted]!", "note": "kept"}


@pytest.mark.parametrize("before", ["", ":", "me:", "user:"])
def test_what_base64_makes_of_the_key_is_taken_out(before: str) -> None:
    """As in a header of basic authentication that a server echoes; what stands before the key shifts its spelling."""
    body = json.dumps({"status": "refused: " + b64encode(f"{before}{KEY}!".encode()).decode()}).encode()

    shown = json.loads(KeyEchoes(KEY).removed_from(body))["status"]
    assert "[redacted]" in shown
    assert KEY[3:-3].encode() not in b64decode(shown.replace("refused: ", "").replace("[redacted]", "") + "==")


@pytest.mark.parametrize("body", [b"", b'{"status": "completed"}', b'{"a": "\\u0061b"}'])
def test_what_holds_no_key_is_left_alone(body: bytes) -> None:
    """Anything else passes as the very same bytes."""
    assert KeyEchoes(KEY).removed_from(body) is body or KeyEchoes(KEY).removed_from(body) == body


def test_a_key_as_short_as_a_word_is_left_where_it_is() -> None:
    """A short key may be part of any text: taking it out would change documents."""
    assert KeyEchoes("key").removed_from(b'{"key": "keyboard"}') == b'{"key": "keyboard"}'
