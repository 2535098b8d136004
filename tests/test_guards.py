"""The table of guards: what it names is there, and the page of promises tells the same. `nox -s guards` runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from scripts import loaded

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """Load the tool, which is a script."""
    return loaded("guards")


def test_what_the_table_names_is_there(tool: ModuleType) -> None:
    """Every promise has a guard, whose text is in its file once, and whose test exists."""
    assert tool.complaints(tool.guards()) == []


def test_the_page_tells_what_the_table_does(tool: ModuleType) -> None:
    """The table of `docs/promises.md` is the one that the tool prints."""
    expected = tool.page_with(tool.table(tool.guards()))
    assert tool.PAGE.read_text("utf-8") == expected, "run `python tools/guards.py --write`"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"remove": "no_such.call()"}, "it is 0 times in "),
        ({"remove": "self"}, " times in "),
        ({"function": "Nothing.at_all"}, "it is 0 times in Nothing.at_all of "),
        ({"put": "("}, " is no Python"),
        ({"file": "src/aiobench/none.py"}, " of src/aiobench/none.py"),
        ({"test": "tests/faults/test_start.py::test_none[x]"}, "there is no tests/faults/test_start.py::test_none"),
        ({"test": "tests/faults/test_none.py::test_none"}, "there is no tests/faults/test_none.py::test_none"),
        ({"promise": "F99"}, "F99 is no promise"),
    ],
)
def test_what_has_gone_is_noticed(tool: ModuleType, changed: dict[str, str], said: str) -> None:
    """A guard that was rewritten, or a test that was renamed, takes its row with it: the table cannot rot unnoticed."""
    first, *rest = tool.guards()
    (complaint,) = tool.complaints([first, evolve(first, **changed), *rest])
    assert said in complaint


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    def f(self):\n        if a.b(\n            c  # why\n        ):\n            raise\n", 1),
        ("class A:\n    def g(self):\n        if a.b(c):\n            raise\n", 0),
        ("def f(self):\n    if a.b(d):\n        raise\n", 0),
        ("class A:\n    def f(self):\n        if a.b(c): raise\n        if a.b(c): raise\n", 2),
    ],
)
def test_a_guard_is_found_by_its_function_and_its_python(tool: ModuleType, source: str, expected: int) -> None:
    """Line breaks, comments and indentation do not hide a guard; another function's twin is not it."""
    guard = evolve(tool.guards()[0], function="A.f", remove="if a.b(c):\n    raise", put="pass")

    found = tool.places(source, guard)

    assert len(found) == expected
    if expected == 1:
        assert tool.without(source, guard) == "class A:\n    def f(self):\n        pass\n"


def test_a_promise_without_a_guard_is_noticed(tool: ModuleType) -> None:
    """A new promise needs a guard, and the last guard of an old one cannot go."""
    assert tool.complaints([each for each in tool.guards() if each.promise != "F16"]) == ["F16 has no guard"]
