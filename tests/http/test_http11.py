"""A connection of ours speaks HTTP/1.1: what it sends, what it takes for a reply, and when it may be used again."""

from __future__ import annotations

import anyio
import httpcore
import pytest

from aiobench._http.connections import LONGEST_HEAD
from aiobench._http.http11 import Http11Connection, Received
from turns import counted_turns

pytestmark = pytest.mark.anyio

HEADERS = [(b"Host", b"example.com")]
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Content:
    """What a request sends."""

    def __init__(self, *chunks: bytes) -> None:
        self.left = list(chunks)

    def __aiter__(self) -> Content:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


class Wire(httpcore.AsyncNetworkStream):
    """The other end: sends what it is given, then nothing more, as a server does that closes the connection."""

    def __init__(self, *replies: bytes, takes: bool = True) -> None:
        self.replies = list(replies)
        self.takes = takes
        self.written: list[bytes] = []
        self.is_closed = self.is_readable = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        await anyio.lowlevel.checkpoint()
        if self.is_closed:
            raise httpcore.ReadError("closed")
        return self.replies.pop(0) if self.replies else b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await anyio.lowlevel.checkpoint()
        if not self.takes:
            raise httpcore.WriteError("broken pipe")
        self.written.append(buffer)

    async def aclose(self) -> None:
        self.is_closed = True

    def get_extra_info(self, info: str) -> object:
        assert info == "is_readable"
        return self.is_readable


def connected(wire: Wire, keep_idle: float = 60.0) -> Http11Connection:
    """Return a connection to that end."""
    return Http11Connection(wire, keep_idle=keep_idle)


async def asked(connection: Http11Connection) -> Received:
    """Return the reply to a request."""
    return await connection.exchange(b"GET", b"/", HEADERS, Content())


async def body_of(received: Received) -> bytes:
    """Read a body to its end and finish the exchange."""
    body = b"".join([chunk async for chunk in received.stream])
    await received.stream.aclose()
    return body


async def test_a_request_goes_out_in_one_piece() -> None:
    """Head and content together: a server that answers the first packet cannot cut a request off."""
    wire = Wire(REPLY)
    headers = [*HEADERS, (b"Content-Length", b"4")]
    received = await connected(wire).exchange(b"POST", b"/a?b", headers, Content(b"ab", b"cd"))
    assert await body_of(received) == b"ok"
    assert wire.written == [b"POST /a?b HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\nabcd"]


async def test_each_request_sends_its_own_headers() -> None:
    """Those of the last request are not checked again if they are the same, and are never sent in place of others."""
    wire = Wire(*[REPLY] * 5)
    connection = connected(wire)
    changing = list(HEADERS)
    tagged = [*HEADERS, (b"If-None-Match", b'"1"')]
    for headers in (HEADERS, tagged, list(tagged), HEADERS):
        await body_of(await connection.exchange(b"GET", b"/", headers, Content()))
    with pytest.raises(httpcore.LocalProtocolError):
        await connection.exchange(b"GET", b"/", [*HEADERS, (b"Bad name", b"1")], Content())
    assert [b"If-None-Match" in each for each in wire.written] == [False, True, True, False]

    connection = connected(wire := Wire(REPLY, REPLY))
    for name in (b"A", b"B"):
        changing.append((name, b"1"))  # the caller's own list
        await body_of(await connection.exchange(b"GET", b"/", changing, Content()))
    assert [each.count(b": 1") for each in wire.written] == [1, 2]


async def test_others_have_their_turn_among_interim_replies() -> None:
    """F34: thousands of them may be received at once."""
    async with counted_turns() as turns:
        received = await asked(connected(Wire(b"HTTP/1.1 103 Early\r\n\r\n" * 3_200, REPLY)))
    assert received.status == 200
    assert turns.count >= 50


async def test_a_reply_has_what_tracers_read() -> None:
    """Headers keep their spelling; version and reason are there."""
    received = await asked(connected(Wire(b"HTTP/1.0 404 Gone Fishing\r\nX-Id: 7\r\n\r\n")))
    assert received.status == 404
    assert received.headers == [(b"X-Id", b"7")]
    assert received.extensions == {"http_version": b"HTTP/1.0", "reason_phrase": b"Gone Fishing"}


async def test_a_connection_is_used_again() -> None:
    """One reply after the other, each read to its end, however it arrives."""
    wire = Wire(REPLY[:30], REPLY[30:-1], REPLY[-1:], REPLY)
    connection = connected(wire)
    for _ in range(2):
        assert await body_of(await asked(connection)) == b"ok"
        assert not connection.is_closed()
        assert not connection.has_expired()
    assert len(wire.written) == 2


async def test_interim_replies_are_passed_over() -> None:
    """`100 Continue` and `103 Early Hints` come before the reply, and are none."""
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    received = await asked(connected(Wire(early, REPLY)))
    assert received.status == 200
    assert await body_of(received) == b"ok"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "the server closed the connection without a reply"),
        (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n", "without a pending proposal"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * LONGEST_HEAD, "too long"),
    ],
    ids=["nothing", "another protocol", "an upgrade", "a head without end"],
)
async def test_what_is_no_reply_is_an_error(sent: bytes, why: str) -> None:
    """The error names the trouble."""
    with pytest.raises(httpcore.RemoteProtocolError, match=why):
        await asked(connected(Wire(sent)))


async def test_a_long_head_is_read() -> None:
    """What gateways add to a reply may be long."""
    cookie = b"a" * (LONGEST_HEAD * 9 // 10)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: " + cookie
    received = await asked(connected(Wire(head, b"\r\n\r\n")))
    assert (b"Set-Cookie", cookie) in received.headers


async def test_a_cut_body_is_an_error() -> None:
    """The connection ends before the body does: an error for the reader, and no other request on it."""
    connection = connected(Wire(REPLY[:-1]))
    received = await asked(connection)
    with pytest.raises(httpcore.RemoteProtocolError, match="closed connection without sending complete message body"):
        await body_of(received)
    await received.stream.aclose()
    assert connection.is_closed()


async def test_a_body_that_is_left_closes_the_connection() -> None:
    """What is left of a body would be taken for the beginning of the next reply."""
    connection = connected(Wire(REPLY[:-1], REPLY[-1:]))
    received = await asked(connection)
    assert await anext(aiter(received.stream)) == b"o"
    await received.stream.aclose()
    assert connection.is_closed()
    assert [chunk async for chunk in received.stream] == []


async def test_a_reply_that_nobody_asked_for_is_not_the_next_one() -> None:
    """A server, or somebody between, sends two replies to one request: the second is not the answer to the next."""
    connection = connected(Wire(REPLY + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", REPLY))
    assert await body_of(await asked(connection)) == b"ok"
    assert connection.is_closed()


async def test_a_server_that_wants_no_more_closes_the_connection() -> None:
    """`Connection: close` is honoured, although the server may take its time to close it."""
    connection = connected(Wire(REPLY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    assert await body_of(await asked(connection)) == b"ok"
    assert connection.is_closed()


async def test_a_refusal_is_read_although_the_request_could_not_be_sent() -> None:
    """A server that refuses a request before it has read it closes: its reply says why."""
    wire = Wire(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", takes=False)
    assert (await asked(connected(wire))).status == 413


async def test_a_request_that_cannot_be_sent_is_not() -> None:
    """A header that would end the head, and what follows be another request, is refused before anything is sent."""
    wire = Wire(REPLY)
    with pytest.raises(httpcore.LocalProtocolError, match="Illegal header value"):
        await connected(wire).exchange(b"GET", b"/", [*HEADERS, (b"X", b"a\r\nY: b")], Content())
    assert wire.written == []


async def test_a_connection_expires() -> None:
    """At rest, it expires with time, or when its socket has something to say: that it is closed."""
    wire = Wire(REPLY, REPLY)
    connection = connected(wire)
    await body_of(await asked(connection))
    wire.is_readable = True
    assert connection.has_expired()
    impatient = connected(Wire(REPLY, REPLY), keep_idle=-1.0)
    for _ in range(2):
        received = await asked(impatient)
        assert not impatient.has_expired()  # it is in use
        await body_of(received)
        assert impatient.has_expired()
