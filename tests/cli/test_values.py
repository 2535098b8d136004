"""How the values of shared options are read."""

from __future__ import annotations

import io
import sys

import pytest
import typer

from aiobench.cli.options import nearest, read_ids, seconds
from aiobench.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("10m", 600.0),
        ("2h", 7200.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("0.5s", 0.5),
        ("2 H", 7200.0),
    ],
)
def test_durations_are_read(text: str, value: float) -> None:
    """A duration is a number of seconds, or numbers with units, one after the other."""
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", " ", "h", "10x", "-5", "1h30", "90 90", "ten", "1e3"])
def test_other_durations_are_refused(text: str) -> None:
    """What is no duration is refused with the forms that are."""
    with pytest.raises(typer.BadParameter, match="write 90, 90s, 10m, 2h"):
        seconds(text)


def test_ids_come_from_the_arguments_and_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for the ids on stdin, in its place; each id counts once."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("b\nc  d\n\na\n"))

    assert read_ids(["a", "-", "e"]) == ["a", "b", "c", "d", "e"]


def test_no_ids_is_an_error_that_says_where_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty stdin is wrong usage, and the message names the command that prints ids."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))

    with pytest.raises(ConfigurationError, match="no job ids on stdin; `aiobench jobs BENCHMARK -q` prints"):
        read_ids(["-"])


def test_the_nearest_known_name_is_offered() -> None:
    """A misspelt name leads to the one that was meant; a name like no other leads nowhere."""
    assert nearest("job-12", ["job-1", "task-9"]) == "; did you mean job-1?"
    assert nearest("zzz", ["job-1"]) == ""
