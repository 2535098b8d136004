"""Names told apart: nothing is lost because two things are called the same."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._results.names import Names, named_iterations
from job_documents import iteration, job_document


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["LLM", "LLM"], ["LLM", "LLM (2)"]),
        (["LLM", "LLM", "LLM"], ["LLM", "LLM (2)", "LLM (3)"]),
        (["LLM (2)", "LLM", "LLM"], ["LLM (2)", "LLM", "LLM (3)"]),
        (["LLM", "LLM", "LLM (2)"], ["LLM", "LLM (2)", "LLM (2) (2)"]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_like_names_are_numbered(names: list[str], expected: list[str]) -> None:
    """The first keeps its name, the next is `NAME (2)`, and a name that exists is never given again."""
    given_names = Names()

    assert [given_names.unused(name) for name in names] == expected


@given(st.lists(st.sampled_from(["x", "x (2)", "x (3)", "x (2) (2)", ""]) | st.text(max_size=3)))
def test_as_many_names_come_out_as_went_in(names: list[str]) -> None:
    """Whatever the names are, they come out all different, each beginning with what it was."""
    told_apart = Names()

    found = [told_apart.unused(name) for name in names]

    assert len(names) == len(set(found))
    assert [new for old, new in zip(names, found, strict=True) if not new.startswith(old)] == []


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (iteration("m", named="LLM"), "LLM"),
        (iteration("m"), "m"),
        (iteration("m", named=""), "m"),
        (iteration("m") | {"pipelineJson": None}, "m"),
        (iteration("m") | {"pipelineJson": ""}, "m"),
        (iteration("m") | {"pipelineJson": "{cut"}, "m"),
        (iteration("m") | {"pipelineJson": "[]"}, "m"),
        (iteration("m") | {"pipelineJson": '{"benchmark": null}'}, "m"),
        (iteration("m") | {"pipelineJson": '{"benchmark": {"displayName": null}}'}, "m"),
        (iteration("m") | {"pipelineJson": '{"benchmark": {"displayName": 5}}'}, "m"),
        (iteration("m") | {"pipelineJson": {"benchmark": {"displayName": "LLM"}}}, "m"),
        (iteration("m") | {"pipeline": None}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_model_id_stands_in_for_a_display_name(run: dict[str, object], expected: str) -> None:
    """The display name counts where there is a usable one, else the model id, else `unknown`."""
    assert [name for name, _ in named_iterations(job_document(run))] == [expected]


def test_many_like_names_take_no_quadratic_time() -> None:
    """A document full of runs without a name, which a hostile server may send, is read in time that it is long."""
    document = job_document(*[{}] * 20_000)
    started = time.process_time()

    names = {name for name, _ in named_iterations(document)}

    assert len(names) == 20_000
    assert time.process_time() - started < 2.0  # the square of it takes minutes
