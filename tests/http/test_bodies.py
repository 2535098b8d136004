"""Bodies: decoded in small pieces under a cap, and a cut one is distinguished from a whole one (F05, F06)."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench._http.bodies import (
    PIECE,
    Body,
    BodyTooLargeError,
    CutBodyError,
    UnknownEncodingError,
    decoder_for,
    read_beginning,
    read_body,
)
from turns import counted_turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

DATA = b"All that a reply may hold. " * 1000


class Chunks(httpx.AsyncByteStream):
    """A body that arrives in these chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for chunk in self.chunks:
            return chunk
        raise StopAsyncIteration


def response(body: bytes, encoding: str | None = None, *, size: int = 1000) -> httpx.Response:
    """Make a reply whose body arrives in chunks of a size."""
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return httpx.Response(
        200, headers={} if encoding is None else {"Content-Encoding": encoding}, stream=Chunks(chunks)
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (DATA, None),
        (DATA, ""),
        (DATA, "identity"),
        (DATA, "aws-chunked"),
        (DATA, "UTF-8"),
        (DATA, "none, binary"),
        (DATA, "text/csv"),
        (gzip.compress(DATA), "aws-chunked, gzip"),
        (gzip.compress(DATA), "gzip"),
        (gzip.compress(DATA), "X-GZIP"),
        (zlib.compress(DATA), "deflate"),
        (gzip.compress(DATA[:999]) + gzip.compress(b"") + gzip.compress(DATA[999:]), "gzip"),
    ],
)
async def test_body_is_decoded(body: bytes, encoding: str | None) -> None:
    """Plain, gzip and deflate bodies come out as they went in, those of several gzip members, too."""
    assert await read_body(response(body, encoding), limit=len(DATA)) == DATA


@pytest.mark.anyio
@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_cap(encoding: str | None) -> None:
    """A body of one byte more than the cap is refused."""
    body = gzip.compress(DATA) if encoding else DATA

    with pytest.raises(BodyTooLargeError, match=f"larger than {len(DATA) - 1} bytes"):
        await read_body(response(body, encoding), limit=len(DATA) - 1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "encoding", "size"),
    [(b"x" * 6_400, None, 1), (gzip.compress(b"x" * 2**24), "gzip", 2**24)],
    ids=["chunks of a byte", "a chunk that decodes to 16 MiB"],
)
async def test_others_have_their_turn_meanwhile(body: bytes, encoding: str | None, size: int) -> None:
    """F34: however much was received at once, reading it does not hold up the event loop."""
    reply = response(body, encoding, size=size)
    reply.stream = Body(cast("httpx.AsyncByteStream", reply.stream))
    async with counted_turns() as turns:
        assert len(await read_body(reply, limit=2**24)) in {6_400, 2**24}
    assert turns.count >= 50


@pytest.mark.anyio
async def test_small_chunks_take_no_more_memory_than_large_ones() -> None:
    """F06: as objects of their own, chunks of two bytes would take twenty times the size of what is in them."""
    size = 400_000
    reply = httpx.Response(200, stream=Chunks(b"%02d" % (number % 100) for number in range(size // 2)))
    tracemalloc.start()
    try:
        assert len(await read_body(reply, limit=size)) == size
        assert tracemalloc.get_traced_memory()[1] < 4 * size
    finally:
        tracemalloc.stop()


@pytest.mark.anyio
async def test_what_decodes_to_nothing_has_an_end() -> None:
    """Compressed bytes count as they arrive, too: empty blocks without end are cut soon after the cap."""
    start = zlib.compressobj(wbits=31)
    body = start.compress(b"{") + start.flush(zlib.Z_SYNC_FLUSH) + b"\x00\x00\x00\xff\xff" * 200_000
    reply = response(body, "gzip")

    with pytest.raises(BodyTooLargeError):
        await read_body(reply, limit=10_000)
    left = sum(len(chunk) for chunk in reply.stream.chunks)  # type: ignore[union-attr]
    assert len(body) - left < 10_000 + PIECE + 2_000


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (b"short", None, (b"short", True)),
        (gzip.compress(b"short"), "gzip", (b"short", True)),
        (DATA, None, (DATA[:1500], False)),
        (gzip.compress(bytes(2**20)), "gzip", (bytes(1500), False)),
        (gzip.compress(b"short")[:-9], "gzip", (b"short", False)),
        (b"", "gzip", (b"", False)),
        (b"\x1b\x00", "br", (b"", False)),
    ],
    ids=["plain", "gzip", "long", "bomb", "cut", "gzip of nothing", "br"],
)
async def test_an_error_page_is_read_as_far_as_it_can_be(
    body: bytes, encoding: str | None, expected: tuple[bytes, bool]
) -> None:
    """What is cut, too long or unreadable of an error page hides no status: its beginning is enough."""
    assert await read_beginning(response(body, encoding), limit=1500) == expected


@pytest.mark.anyio
async def test_bomb_costs_no_memory() -> None:
    """A bomb of 64 MB is refused within the cap and a megabyte."""
    bomb, limit = gzip.compress(bytes(64 * 2**20)), 2**20
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            await read_body(response(bomb, "gzip", size=len(bomb)), limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < limit + 2**20


@pytest.mark.anyio
@pytest.mark.parametrize("left", [0, 1, 10, -1, -8, -9])
async def test_cut_stream_is_not_taken_for_a_whole_one(left: int) -> None:
    """A compressed body that ends before its end is refused, although its length may be what was announced."""
    with pytest.raises(CutBodyError, match="cut"):
        await read_body(response(gzip.compress(DATA)[:left], "gzip"), limit=2**20)


@pytest.mark.anyio
async def test_damaged_stream() -> None:
    """A compressed body with a wrong byte is refused."""
    body = bytearray(gzip.compress(DATA))
    body[-5] ^= 0xFF  # its checksum

    with pytest.raises(CutBodyError, match="damaged"):
        await read_body(response(bytes(body), "gzip"), limit=2**20)


@pytest.mark.anyio
@pytest.mark.parametrize("rest", [b"trailing", b"\x1f", zlib.compress(DATA), gzip.compress(DATA)[:-9]])
@pytest.mark.parametrize("size", [7, 2**20])
async def test_what_follows_the_end_is_another_member(rest: bytes, size: int) -> None:
    """Bytes behind a gzip stream that are no whole member of it are refused, not dropped."""
    with pytest.raises(CutBodyError, match=r"damaged|cut"):
        await read_body(response(gzip.compress(DATA) + rest, "gzip", size=size), limit=2**20)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "new-in-2030"])
def test_encoding_that_was_not_asked_for(encoding: str) -> None:
    """Any other encoding is refused by name."""
    with pytest.raises(UnknownEncodingError, match=encoding):
        decoder_for(response(b"", encoding))


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_any_bytes_come_through_in_bounded_pieces(data: bytes, size: int) -> None:
    """However a compressed body is chunked, it comes out whole, in pieces of bounded size."""
    decoder = decoder_for(response(b"", "gzip"))
    body = gzip.compress(data * 100)

    pieces = [piece for at in range(0, len(body), size) for piece in decoder.feed(body[at : at + size])]
    decoder.finish()

    assert data * 100 == b"".join(pieces)
    assert all(0 < len(piece) <= PIECE for piece in pieces)
