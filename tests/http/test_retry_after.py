"""`Retry-After`: seconds or a date, and nonsense is no hint."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._http.retries import retry_after

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 1, 10, tzinfo=UTC)
DATE = {"Date": format_datetime(NOW, usegmt=True)}


def asked(value: str, **headers: str) -> float | None:
    """Read the header's value out of a reply's headers."""
    return retry_after(httpx.Headers({"Retry-After": value, **headers}))


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    """Let this machine be somewhere else than in UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("120", 120.0), ("1.5", 1.5), (" 7 ", 7.0), ("007", 7.0)])
def test_seconds(value: str, seconds: float) -> None:
    """A number is seconds; fractions, which some servers send, count."""
    assert seconds == asked(value)


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-1", "inf", "nan", "1e9", "+5", "1_000", "0x10", "9" * 40, "1,5", "Sun, 32 Nov 2026 10:00:00 GMT",
     "Sun, 01 Nov 100000 10:00:00 GMT", "Sun, 01 Nov -2026 10:00:00 GMT"],
)  # fmt: skip
def test_nonsense_is_no_hint(value: str) -> None:
    """Hostile and senseless values are as if the header were not there (F08)."""
    assert asked(value, **DATE) is None


def test_absent_header() -> None:
    """No header, no hint."""
    assert retry_after(httpx.Headers()) is None


@pytest.mark.posix
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 01 Nov 2026 10:02:00 GMT", 120.0),
        ("Sun, 01 Nov 2026 11:02:00 +0100", 120.0),
        ("Sun, 01 Nov 2026 10:02:00 -0000", 120.0),
        ("Sun, 01 Nov 2026 10:02:00", 120.0),
        ("Sunday, 01-Nov-26 10:02:00 GMT", 120.0),
        ("Sun Nov  1 10:02:00 2026", 120.0),
        ("Sun, 01 Nov 2026 09:00:00 GMT", 0.0),
    ],
)
def test_date_counts_from_the_servers_clock(in_tokyo: None, value: str, seconds: float) -> None:
    """A date is held against the reply's `Date`, in UTC where it names no zone; one that has passed means 0."""
    assert seconds == asked(value, **DATE)


def test_date_without_the_servers_clock() -> None:
    """Without a `Date` this machine's clock has to do."""
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    assert pytest.approx(asked(in_an_hour), abs=5) == 3600


@given(
    st.text(st.characters(max_codepoint=255)) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} -?\d+ \d+:\d+:\d+.*")
)
def test_any_value_is_a_number_of_seconds_or_nothing(value: str) -> None:
    """Whatever a server sends, it is a finite number that is not negative, or no hint."""
    seconds = retry_after({"retry-after": value, "date": value[::-1]})

    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@pytest.mark.parametrize(
    ("milliseconds", "expected"), [("1500", 1.5), (" 250 ", 0.25), ("-1", 7.0), ("inf", 7.0), ("", 7.0), ("soon", 7.0)]
)
def test_milliseconds_are_more_exact(milliseconds: str, expected: float) -> None:
    """`retry-after-ms` counts before `Retry-After`, unless it makes no sense."""
    assert asked("7", **{"retry-after-ms": milliseconds}) == expected
