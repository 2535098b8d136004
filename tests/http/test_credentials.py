"""The key: where it comes from, and how it is kept out of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import ConfigurationError
from aiobench._http.credentials import redacted, resolved_api_key, without_query


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
    ],
)
def test_where_the_key_comes_from(argument: str | None, environ: dict[str, str], expected: str) -> None:
    """The argument wins; else TEAM_API_KEY, else AIXPLAIN_API_KEY; an empty variable is as good as none."""
    assert expected == resolved_api_key(argument, environ)


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
        ("why? because", "why? because"),
    ],
)
def test_redacted(text: str, expected: str) -> None:
    """The key and the queries of URLs are taken out; the rest stays."""
    assert expected == redacted(text, "k3y")


@given(st.text(), st.text())
def test_key_is_never_left(before: str, after: str) -> None:
    """Wherever the key stands, it is taken out."""
    assert "k3y-of-the-team" not in redacted(f"{before}k3y-of-the-team{after}", "k3y-of-the-team")


@pytest.mark.parametrize("url", ["https://h/p?q=1", "https://h/p#f", "https://h/p?q#f", "https://h/p"])
def test_without_query(url: str) -> None:
    """What may hold a signature is cut off."""
    assert "https://h/p" == without_query(url)
