"""What classes of values have in common."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aiobench import Metric, PollPolicy, Progress
from aiobench._http.exchange import prepared
from aiobench._values import Record
from aiobench.events import Finished, Stalled


@attrs.frozen
class Reference:
    """An attrs class as attrs makes it."""

    name: str
    size: int = 3
    _hidden: int = 1
    silent: int = attrs.field(default=0, repr=False)
    ignored: int = attrs.field(default=0, eq=False)


@attrs.frozen(eq=False, repr=False)
class Ours(Record):
    """The same with our base."""

    name: str
    size: int = 3
    _hidden: int = 1
    silent: int = attrs.field(default=0, repr=False)
    ignored: int = attrs.field(default=0, eq=False)


VARIANTS: list[dict[str, Any]] = [
    {"name": "a"},
    {"name": "b"},
    {"name": "a", "size": 4},
    {"name": "a", "hidden": 2},
    {"name": "a", "silent": 2},
    {"name": "a", "ignored": 2},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_records_are_shown_as_attrs_shows_them(variant: dict[str, Any]) -> None:
    """Fields that are to be hidden are."""
    assert repr(Ours(**variant)) == repr(Reference(**variant)).replace("Reference", "Ours")


@pytest.mark.parametrize("one", VARIANTS)
@pytest.mark.parametrize("other", VARIANTS)
def test_records_are_compared_as_attrs_compares_them(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal ones have equal hashes; fields that do not count do not."""
    ours, theirs = [cls(**one) == cls(**other) for cls in (Ours, Reference)]
    assert ours == theirs
    if ours:
        assert hash(Ours(**one)) == hash(Ours(**other))


def test_records_of_two_classes_differ() -> None:
    """Whatever their fields are: an end is not a pause."""
    job: Any = object()
    snapshot: Any = object()
    finished, stalled = Finished(job, snapshot), Stalled(job, snapshot)
    assert finished != stalled
    assert len({finished, stalled, Finished(job, snapshot)}) == 2
    assert Progress() != "Progress()"


def test_public_records_show_their_fields() -> None:
    """As a user sees them at a prompt."""
    assert repr(Metric("BLEU by sacrebleu", unit="%")) == (
        "Metric(long_name='BLEU by sacrebleu', name=None, unit='%', lower_is_better=None)"
    )
    assert repr(PollPolicy()) == "PollPolicy(interval=2.0, backoff=1.5, max_interval=30.0, jitter=0.1)"
    assert PollPolicy(terminal=["DONE"]) == PollPolicy(terminal=["DONE"]) != PollPolicy()


def test_what_is_passed_around_inside_shows_no_field() -> None:
    """A request has the key in its headers; a debugger or a log of arguments must not show it."""
    key = "a-key-of-some-length"
    request = prepared("a job", "GET", "https://api.example/sdk", key=key, headers={}, content=b"", is_idempotent=True)
    assert key in request.headers["Authorization"]
    assert repr(request) == "<ApiRequest>"
