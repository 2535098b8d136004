"""The key: where it comes from, and how it is kept out of texts."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from html import escape
from time import perf_counter, process_time
from urllib.parse import quote

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import ConfigurationError
from aiobench._http.settings import resolved_api_key
from aiobench._redaction import KeyEchoes, excerpt, on_one_line, redacted, secrets_of, without_query


@pytest.mark.parametrize(
    ("argument", "environ", "expected"),
    [
        ("mine", {}, "mine"),
        ("mine", {"TEAM_API_KEY": "theirs"}, "mine"),
        ("mine", {"TEAM_API_KEY": "a", "AIXPLAIN_API_KEY": "b"}, "mine"),
        (None, {"TEAM_API_KEY": "a"}, "a"),
        (None, {"AIXPLAIN_API_KEY": "b"}, "b"),
        (None, {"TEAM_API_KEY": "a", "AIXPLAIN_API_KEY": "a"}, "a"),
        (None, {"TEAM_API_KEY": "", "AIXPLAIN_API_KEY": "b"}, "b"),
        (None, {"TEAM_API_KEY": " a\n"}, "a"),
        (" mine ", {}, "mine"),
        ('"mine"', {}, "mine"),
        ("' mine '", {}, "mine"),
        ("Token mine", {}, "mine"),
        ("token  mine\n", {}, "mine"),
        ('"Token mine"', {}, "mine"),
        ("Authorization: Token mine", {}, "mine"),
        ("tokenmine", {}, "tokenmine"),
        (None, {"TEAM_API_KEY": "a", "AIXPLAIN_API_KEY": "'Token a'"}, "a"),
    ],
)
def test_where_the_key_comes_from(argument: str | None, environ: dict[str, str], expected: str) -> None:
    """The argument wins, then TEAM_API_KEY, then AIXPLAIN_API_KEY; an empty variable counts as unset."""
    assert resolved_api_key(argument, environ) == expected


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({}, "no API key: pass api_key=, or set TEAM_API_KEY"),
        ({"TEAM_API_KEY": " ", "AIXPLAIN_API_KEY": ""}, "no API key"),
        (
            {"TEAM_API_KEY": "one", "AIXPLAIN_API_KEY": "two"},
            "TEAM_API_KEY and AIXPLAIN_API_KEY are both set and differ",
        ),
    ],
)
def test_no_key_or_two(environ: dict[str, str], text: str) -> None:
    """No key, and two that differ, are errors that say what to do, without showing either."""
    with pytest.raises(ConfigurationError, match=text) as caught:
        resolved_api_key(None, environ)
    assert "one" not in str(caught.value).split()


@pytest.mark.parametrize("key", ["", " ", "a\nb", "schlüssel", "a\0b", 5, b"key"])
def test_what_cannot_be_sent_is_no_key(key: str) -> None:
    """A key that cannot stand in a header is refused, unseen."""
    with pytest.raises(ConfigurationError, match="printable ASCII") as caught:
        resolved_api_key(key, {})
    assert repr(key) not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Token k3y is unknown", "Token [redacted] is unknown"),
        ("at https://h/x.csv?sig=a.b/c now", "at https://h/x.csv?[redacted] now"),
        ('{"url": "https://h/x?sig=1", "b": 2}', '{"url": "https://h/x?[redacted]", "b": 2}'),
        (r"https:\/\/h\/x.csv?sig=1\/2 now", r"https:\/\/h\/x.csv?[redacted] now"),
        (r"https:\/\/h\/x\u003fkey=1 now", r"https:\/\/h\/x?[redacted] now"),
        ("see //h/x.csv?sig=1 and (https://h/y?z)", "see //h/x.csv?[redacted] and (https://h/y?[redacted]"),
        ("GET /x X-Amz-Signature=1&a=b", "GET /x X-Amz-Signature=[redacted]&a=b"),
        (
            "sig=1&a=2 signature=3 access_token=4 design=5",
            "sig=[redacted]&a=2 signature=[redacted] access_token=[redacted] design=5",
        ),
        ("why? because", "why? because"),
        ("and/or, why? // what?", "and/or, why? // what?"),
    ],
)
def test_redacted(text: str, expected: str) -> None:
    """The key and the queries of URLs are taken out; the rest stays."""
    assert redacted(text, "k3y") == expected


ECHOED = "0f8a-k3y/4d+c29b=="
ESCAPES: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    lambda secret: quote(secret, safe=""),
    lambda secret: quote(quote(secret, safe=""), safe=""),
    lambda secret: "".join(f"\\u{ord(each):04x}" for each in secret),
    lambda secret: "".join(f"&#{ord(each)};" for each in secret),
    escape,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
)


@pytest.mark.parametrize(
    "spelling",
    [
        ECHOED.upper(),
        quote(ECHOED, safe=""),
        quote(ECHOED, safe="").lower(),
        quote(quote(ECHOED, safe=""), safe=""),
        "".join(f"%{ord(each):02X}" for each in ECHOED),
        "".join(f"\\u{ord(each):04x}" for each in ECHOED),
        ECHOED.replace("/", "\\/"),
        ECHOED.replace("+", "&#43;").replace("=", "&#x3D;"),
        b64encode(ECHOED.encode()).decode(),
        b64encode(f"Token {ECHOED}".encode()).decode(),
        b64encode(f"key:{ECHOED}!".encode()).decode(),
    ],
)
def test_no_spelling_of_the_key_is_left(spelling: str) -> None:
    """A server that echoes the key in other letters, escaped or encoded, does not get it past."""
    shown = redacted(f"unauthorized: {spelling} (see the docs)", ECHOED)

    assert "[redacted]" in shown
    assert spelling[6:12] not in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [("req-1", "req-1"), ("a\nb\x1b[31mc", "a b [31mc"), ("x" * 300, "x" * 200 + "…"), ("ü", "ü")],
)
def test_text_of_a_server_is_printable(text: str, expected: str) -> None:
    """It is shortened, and cannot forge a line of a log or colour a terminal."""
    assert on_one_line(text) == expected


@given(st.text(), st.text())
def test_key_is_never_left(before: str, after: str) -> None:
    """Wherever the key stands, it is taken out."""
    assert "k3y-of-the-team" not in redacted(f"{before}k3y-of-the-team{after}", "k3y-of-the-team")


@pytest.mark.parametrize("before", range(1960, 2041))
def test_nothing_is_half_shown(before: int) -> None:
    """A secret across the edge of what is shown, or of what is looked at, is not shown in part."""
    text = "https://h/?".ljust(1900, "q") + " " * (before - 1900) + "k3y-of-the-team" + "x" * 5000

    assert "k3y" not in excerpt(text, 500, "k3y-of-the-team")
    assert "k3" not in excerpt("x" * (before - 1500) + " //h/?k3" + "k3" * 1000, 500)


def test_words_end_where_letters_do() -> None:
    """A short key is taken out beside any mark, and left within a word of any script."""
    assert redacted("k3y\N{EM DASH}k3y: \N{LEFT DOUBLE QUOTATION MARK}k3y", "k3y") == (
        "[redacted]\N{EM DASH}[redacted]: \N{LEFT DOUBLE QUOTATION MARK}[redacted]"
    )
    assert redacted("ük3y k3yü k3y_ xk3y", "k3y") == "ük3y k3yü k3y_ xk3y"


def test_secrets_that_overlap_are_taken_out_whole() -> None:
    """Of one that holds another, and of two that share their ends, nothing is left."""
    assert redacted("see abcdefghijklmnopqrstuvwx.", "efghijklmnopqr", "abcdefghijklmnopq") == "see [redacted]stuvwx."
    assert redacted("abcdefghijkl-abcdefghijkl", "abcdefghijkl") == "[redacted]-[redacted]"


@given(
    st.text("ab%2541\\/u006&#;xX\"'", min_size=12, max_size=30), st.sampled_from(ESCAPES), st.text("a%&\\", max_size=5)
)
def test_f18_a_secret_of_any_characters_is_found_however_it_is_escaped(
    secret: str, escaped: Callable[[str], str], around: str
) -> None:
    """Also one that looks escaped itself."""
    hypothesis.assume(len(secret.replace("\\", "")) >= 6)  # of backslashes alone there is nothing to find
    assert "[redacted]" in redacted(f"{around} {escaped(secret)} {around}", secret)


def test_f34_long_secrets_take_no_time() -> None:
    """A signed URL of 60,000 characters is looked for as fast as a key; a pattern of it took twenty seconds."""
    url = f"https://h/x?token={'0f8a/k3y+' * 6_000}"
    started = process_time()
    shown = redacted(f"refused: {quote(url, safe='')}", *secrets_of(url))
    assert process_time() - started < 1
    assert "k3y" not in shown


def test_f34_what_is_full_of_escapes_is_looked_through_once() -> None:
    """A reply with a hint of the key, and then backslashes or escapes; a pattern took an hour for the first."""
    echoes = KeyEchoes(ECHOED)
    for text in (b"\\", b"%25", b"&#0", b"&", b"%", b"\\u003", b"\\u0030", b"%30", b"&#48;"):
        body = b"\\u0030 " + text * (2**20 // len(text))
        started = process_time()
        assert echoes.removed_from(body) == body
        assert process_time() - started < 5


@pytest.mark.parametrize("place", [0, 1, 2**16 - 40, 2**16 - 5, 2**16 - 1, 2**16, 3 * 2**16 + 7])
def test_a_key_is_found_wherever_a_large_body_is_cut(place: int) -> None:
    """Large bodies are looked through piece by piece."""
    escaped = "".join(f"\\u{ord(each):04x}" for each in ECHOED).encode()
    body = b" " * place + escaped + b" " * 2**17
    assert KeyEchoes(ECHOED).removed_from(body) == b" " * place + b"[redacted]" + b" " * 2**17


def test_long_texts_take_no_time() -> None:
    """What a server may send to keep a pattern busy is looked through once."""
    for text in ("/" * 10**5, "a://" * 10**5, "\\/" * 10**5, "X-Amz-" * 10**5, "sig=" * 10**5, "/" + "\\" * 10**5):
        started = perf_counter()
        redacted(text)
        assert perf_counter() - started < 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/p", ()),
        ("https://h/p?a=1&b=short#fragment", ("a=1&b=short",)),
        ("https://h/p?s=ab%2Fcdef", ("s=ab%2Fcdef", "ab%2Fcdef", "s=ab/cdef", "ab/cdef")),
        ("https://h/p?opaque%2B", ("opaque%2B", "opaque+")),
    ],
)
def test_secrets_of(url: str, expected: tuple[str, ...]) -> None:
    """The query and its values are secrets, quoted or not, unless they are as short as `b=1`; the longest first."""
    assert set(secrets_of(url)) == set(expected)
    assert sorted(secrets_of(url), key=len, reverse=True) == list(secrets_of(url))


@pytest.mark.parametrize("url", ["https://h/p?q=1", "https://h/p#f", "https://h/p?q#f", "https://h/p"])
def test_without_query(url: str) -> None:
    """What may hold a signature is cut off."""
    assert without_query(url) == "https://h/p"
