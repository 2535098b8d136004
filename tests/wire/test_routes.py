"""Routes: each id is one segment of its path, whatever it holds."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import ConfigurationError
from aiobench._wire import routes


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (routes.job, "sdk/benchmarks/jobs/ID"),
        (routes.benchmark, "sdk/benchmarks/ID"),
        (routes.benchmark_jobs, "sdk/benchmarks/ID/jobs"),
        (routes.benchmark_start, "sdk/benchmarks/ID/start"),
    ],
)
def test_routes_are_those_of_the_wire(route: Callable[[str], str], expected: str) -> None:
    """Each call goes where docs/reference/wire.md says, relative to the base URL."""
    assert route("ID") == expected


@pytest.mark.parametrize(
    ("job_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("../x", "..%2Fx"),
        ("ä ö", "%C3%A4%20%C3%B6"),
        ("a%2Fb", "a%252Fb"),
        ("...", "..."),
    ],
)
def test_odd_id_is_one_segment(job_id: str, segment: str) -> None:
    """Slashes, questions marks, dots and what is not ASCII are percent-encoded (F27)."""
    assert routes.job(job_id) == f"sdk/benchmarks/jobs/{segment}"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
def test_any_id_comes_back_from_its_segment(job_id: str) -> None:
    """No id leaves its segment, and none is changed by the way."""
    segment = routes.job(job_id).removeprefix("sdk/benchmarks/jobs/")

    assert job_id == unquote(segment)
    assert set("/?#") & set(segment) == set()
    assert segment not in {".", ".."}


@pytest.mark.parametrize("value", ["", " ", "\t\n", None, 5, b"ID", ["ID"], "\ud800"])
def test_what_is_no_id_is_refused(value: object) -> None:
    """An empty id, or what is no text that can be sent, is refused before any request, by name."""
    with pytest.raises(ConfigurationError, match="job id"):
        routes.checked_id(value, "job id")
