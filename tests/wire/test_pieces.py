"""F34: a large document is decoded piece by piece, and comes to the same as at once."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._wire import decoding, heads, pieces
from aiobench._wire.decoding import MalformedDocumentError, look
from aiobench._wire.heads import job_head, job_list
from aiobench._wire.sizes import takes_long

TEXT = st.text(st.sampled_from('a"\\,:[]{} \né😀'), max_size=4)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=40,
)
LAYOUTS: list[dict[str, Any]] = [
    {"separators": (",", ":")},
    {"indent": 1},
    {"ensure_ascii": False},
]
NOISE = [b",", b'"', b"[", b"]", b"{", b"}", b":", b"\\", b"1", b"null", b"\xff", b""]
SHAPES = {
    "empty lists": b"[],",
    "empty objects": b"{},",
    "lists in lists": b"[[[]]],",
    "whole numbers": b"0,",
    "numbers": b"1.5,",
    "texts": b'"a",',
    "objects": b'{"a":{"b":1}},',
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every document take long, and pieces be some bytes."""
    for module in (decoding, heads):
        monkeypatch.setattr(module, "takes_long", lambda _: True)
    monkeypatch.setattr(heads, "takes_long_to_skip", lambda _: True)
    monkeypatch.setattr(pieces, "ITEMS_PIECE", 60)


def outcome(decode: Any, *arguments: Any) -> str:
    """Return what comes of it, keys in their order; errors are alike."""
    try:
        return repr(decode(*arguments))
    except MalformedDocumentError:
        return "malformed"


@given(value=JSON, layout=st.sampled_from(LAYOUTS), size=st.integers(1, 40))
def test_f34_pieces_come_to_the_same(value: Any, layout: dict[str, Any], size: int) -> None:
    """Whatever is cut where, texts with brackets and commas in them included."""
    body = json.dumps(value, **layout).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", size)
        found = pieces.decoded_in_pieces(body, decoding._decoded_at_once)
    assert repr(found) == repr(decoding._decoded_at_once(body))


@given(value=JSON, layout=st.sampled_from(LAYOUTS), size=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_f34_what_is_refused_at_once_is_refused_in_pieces(
    value: Any, layout: dict[str, Any], size: int, seed: int
) -> None:
    """Damage anywhere, and keys that an object has twice, have the same end as in one piece."""
    chance = random.Random(seed)
    body = json.dumps(value, **layout).encode()
    if chance.random() < 0.5:
        body = re.sub(rb'"[^"\\]*": ?', b'"k":', body)
    for _ in range(chance.randrange(3)):
        place = chance.randrange(len(body) + 1)
        body = body[:place] + chance.choice(NOISE) + body[place + chance.randrange(3) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", size)
        found = outcome(pieces.decoded_in_pieces, body, decoding._decoded_at_once)
    assert found == outcome(decoding._decoded_at_once, body)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "where", ['{"status":"queued","iterations":[%s0]}', "[%s0]", '{"status":"queued","x":{"y":[%s0]}}']
)
def test_f34_no_piece_is_large(monkeypatch: pytest.MonkeyPatch, shape: str, where: str) -> None:
    """Our decoder is never given more than 128 KiB at once, and other threads have their turn after each."""
    before, after = where.encode().split(b"%s")
    item = SHAPES[shape]
    body = before + item * (2**20 // len(item)) + after
    sizes: list[int] = []
    turns: list[float] = []
    at_once = decoding._decoded_at_once

    def noted(piece: bytes) -> Any:
        sizes.append(len(piece))
        return at_once(piece)

    monkeypatch.setattr(decoding, "_decoded_at_once", noted)
    monkeypatch.setattr(pieces, "sleep", turns.append)
    monkeypatch.setattr(decoding, "freed_in_pieces", lambda _: None)  # others have their turn meanwhile, too
    outcome(job_list if body.startswith(b"[") else job_head, body)
    assert max(sizes) < 2**17 + 10
    assert len(turns) == len(sizes) - 1 > 6


def test_f34_a_list_of_jobs_is_not_given_to_the_decoder_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it looked through for texts, which takes ten times as long."""
    body = json.dumps([{"jobId": f"{n:024x}", "status": "queued", "benchmark": {"id": "b"}} for n in range(20_000)])
    sizes: list[int] = []
    turns: list[float] = []
    as_type = heads.decoded_as

    def noted(decoder: Any, piece: bytes) -> Any:
        sizes.append(len(piece))
        return as_type(decoder, piece)

    monkeypatch.setattr(heads, "decoded_as", noted)
    monkeypatch.setattr(pieces, "sleep", turns.append)
    monkeypatch.delattr(decoding, "decoded_in_pieces")
    jobs = job_list(body.encode())
    assert [int(job.job_id, 16) for job in jobs] == list(range(20_000))
    assert max(sizes) < 2**17 + 10
    assert len(turns) == len(sizes) - 1 > 10


ENTRIES = [
    {"jobId": "j", "status": "queued", "benchmark": {"id": "b"}},
    {"jobId": "j", "status": 5, "benchmark": [{"jobId": "no"}]},
    {"jobId": " ", "status": "queued"},
    {"status": "queued"},
    {"jobId": "j", "status": "queued", "iterations": [{"jobId": "x"}, {"jobId": "y"}, {"jobId": "}, {"}]},
    {"jobId": "j" * 100},
    {"jobId": '},{"jobId":"'},
    5,
]


def read(body: bytes) -> list[tuple[str, str | None, str]]:
    """Return what is used of a list of jobs."""
    return [(entry.job_id, entry.status, entry.benchmark_id) for entry in job_list(body)]


@pytest.mark.usefixtures("small")
@given(st.lists(st.sampled_from(ENTRIES), max_size=40), st.sampled_from(LAYOUTS))
def test_f34_a_long_list_of_jobs_comes_to_the_same(entries: list[Any], layout: dict[str, Any]) -> None:
    """Objects within jobs that look like jobs, odd jobs and long ones: each job once, none of what is none."""
    body = json.dumps(entries, **layout).encode()
    found = read(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "takes_long", lambda _: False)
        assert found == read(body)


def test_f34_an_odd_job_makes_only_its_neighbours_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry that is no job leaves the others to the fast decoder."""
    entries: list[Any] = [{"jobId": f"{n:024x}", "status": "queued"} for n in range(20_000)]
    entries[9_000] = {"jobId": 5}
    looked_at: list[int] = []

    def noted(body: bytes, read: Any) -> Any:
        looked_at.append(len(body))
        return look(body, read)

    monkeypatch.setattr(heads, "look", noted)
    assert len(job_list(json.dumps(entries).encode())) == 19_999
    assert len(looked_at) == 1
    assert looked_at[0] < 2**17 + 10


@pytest.mark.parametrize(
    "body",
    [b"[" + b"{}," * 20_000 + b"]", b"[" + b'{"jobId":"a"},' * 20_000, b"[" + b'{"jobId":"a"},' * 20_000 + b"{}]]"],
    ids=["a comma too many", "cut", "a bracket too many"],
)
def test_a_long_list_that_is_none_is_malformed(body: bytes) -> None:
    """Pieces that are good by themselves do not make it good."""
    with pytest.raises(MalformedDocumentError, match="not JSON"):
        job_list(body)


def test_where_a_large_document_is_no_json_is_said() -> None:
    """The decoder counts from the beginning of a piece, and people from that of the document."""
    with pytest.raises(MalformedDocumentError, match=r"^not JSON: .*, in the piece that begins at byte 9\d{4}$"):
        decoding.decoded(b"[" + b"0," * 50_000 + b"x" + b",0" * 50_000 + b"]")


@pytest.mark.parametrize("shape", SHAPES)
def test_f34_what_takes_long_is_known_before(shape: str) -> None:
    """40,000 values take too long for an event loop, whatever they are; what is small does not."""
    item = SHAPES[shape]
    assert takes_long(b"[" + item * 40_000 + b"0]")
    assert not takes_long(b"[" + item * (2**15 // len(item) - 1) + b"0]")
    assert takes_long(b'"' + b"a" * 2**20 + b'"')


def test_f34_a_job_list_of_a_thousand_takes_not_long() -> None:
    """What the platform sends most is decoded where it arrives: a thread would take longer."""
    entry = {"jobId": "0" * 24, "status": "in_progress", "benchmark": {"id": "0" * 24, "name": "a name", "size": 1.5}}
    assert not takes_long(json.dumps([entry] * 1000).encode())


def test_f34_what_was_looked_at_is_forgotten_piece_by_piece() -> None:
    """Freeing a document takes half as long as decoding it, in one go."""
    many = b'{"a":{"b":[{"c":1},[2]]},"d":[' + b"[3]," * 40_000 + b"4]}"
    document, inner, last = look(many, lambda found: (found, found["a"]["b"], found["d"]))
    assert (document, inner, last) == ({}, [], [])
    assert look(b"[1]", lambda found: found) == [1]
