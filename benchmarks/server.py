"""The load server: the platform's routes from memory, by a bare asyncio protocol, on uvloop if installed.

Runs in its own process and stops when its standard input is closed, so it never outlives a benchmark.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import cast

from attrs import frozen

from benchmarks.processes import allow_many_files, pin
from benchmarks.scene import CSV_ROWS, Scene

OK = b"HTTP/1.1 200 OK\r\nDate: Sun, 01 Nov 2026 10:00:00 GMT\r\nContent-Type: "
PIECE = 256 * 1024


__all__ = ["as_json"]

BLANKS = itertools.cycle(range(64))
TRAFFIC: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"requests": 0, "received": 0, "sent": 0})
"""What was asked and answered in each scene, results and questions for this left out."""


@frozen
class Reply:
    """A reply as bytes.

    Attributes:
        full: With the document.
        unchanged: Without, for a client that has it.
        tag: The document's `ETag`; empty: it has none.
        body: The document.
    """

    full: bytes
    unchanged: bytes = b""
    tag: bytes = b""
    body: bytes = b""

    @staticmethod
    def of(scene: Scene, body: bytes) -> Reply:
        """Write the reply with this body."""
        if not scene.etags:
            return Reply(as_json(body), body=body)
        tag = b'W/"%x-%08x"' % (len(body), zlib.crc32(body))
        head = _head(b"application/json; charset=utf-8", len(body)) + b"ETag: " + tag + b"\r\n\r\n"
        unchanged = b"HTTP/1.1 304 Not Modified\r\nDate: Sun, 01 Nov 2026 10:00:00 GMT\r\nETag: " + tag + b"\r\n\r\n"
        return Reply(head + body, unchanged, tag)


class Platform(asyncio.Protocol):
    """Answers GET requests, one after the other."""

    def __init__(self) -> None:
        self._received = b""
        self._pieces: Iterator[bytes] = iter(())
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport has another type

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[: end + 4], self._received[end + 4 :]
            self._answer(head)

    def _answer(self, request: bytes) -> None:
        _, segment, *route = request[4 : request.find(b" ", 4)].decode().split("/")
        scene = Scene.of(segment)
        if route[0] == "traffic":
            self._transport.write(as_json(json.dumps(TRAFFIC[segment]).encode()))
            return
        if route[0] == "results":
            self._transport.write(_head(b"text/csv", _length(scene)) + b'ETag: "one"\r\n\r\n')
            self._pieces = _results(scene)
            self._go_on()
            return
        host = self._transport.get_extra_info("sockname")[1]
        if route[-1] == "jobs":
            make = partial(_list, scene, route[2])
        elif route[0] == "endpoint":
            make = partial(_endpoint, scene)
        else:
            make = partial(_document, scene, route[-1], host)
        if scene.delay:
            asyncio.get_running_loop().call_later(scene.delay / 1000, lambda: self._send(segment, request, make()))
        else:
            self._send(segment, request, make())

    def _send(self, segment: str, request: bytes, reply: Reply) -> None:
        data = reply.unchanged if reply.tag and reply.tag in request else reply.full
        self._transport.write(data)
        traffic = TRAFFIC[segment]
        traffic["requests"] += 1
        traffic["received"] += len(request)
        traffic["sent"] += len(data)

    def pause_writing(self) -> None:
        """Pause while the client reads slower than we write."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Continue with the results."""
        self._is_paused = False
        self._go_on()

    def _go_on(self) -> None:
        while not self._is_paused and (piece := next(self._pieces, b"")):
            self._transport.write(piece)


def _head(kind: bytes, length: int) -> bytes:
    return OK + kind + b"\r\nContent-Length: %d\r\nConnection: keep-alive\r\nX-Request-Id: 0f1e2d3c4b5a\r\n" % length


def as_json(body: bytes) -> bytes:
    """Write a reply with this JSON."""
    return _head(b"application/json; charset=utf-8", len(body)) + b"\r\n" + body


def _document(scene: Scene, name: str, port: int) -> Reply:
    number = int(name.rpartition("-")[2])
    return _varied(scene, _document_in(scene, number, scene.status(number, time.monotonic()), port))


@lru_cache(maxsize=1000)
def _document_in(scene: Scene, number: int, status: str, port: int) -> Reply:
    url = f"http://127.0.0.1:{port}/{scene.path}/results/{number}.csv"
    return Reply.of(scene, scene.document(number, status, url))


def _list(scene: Scene, benchmark: str) -> Reply:
    first = int(benchmark.rpartition("-")[2]) * scene.group
    now = time.monotonic()
    ended = tuple(scene.ends_at(number) <= now for number in range(first, first + scene.group))
    reply = _list_of(scene, first, ended)
    return _varied(scene, reply)


def _varied(scene: Scene, reply: Reply) -> Reply:
    return Reply(as_json(reply.body + b" " * next(BLANKS))) if scene.varies else reply


@lru_cache(maxsize=3000)
def _list_of(scene: Scene, first: int, ended: tuple[bool, ...]) -> Reply:
    statuses = ("completed" if done else "in_progress" for done in ended)
    entries = (scene.entry_of(first + place, status) for place, status in enumerate(statuses))
    return Reply.of(scene, b"[" + b", ".join(entries) + b"]")


@lru_cache
def _endpoint(scene: Scene) -> Reply:
    """Answer as the service does for which huggingface_hub has a waiting loop."""
    return Reply.of(scene, scene.endpoint())


# -- results -------------------------------------------------------------------------------------------------------


@lru_cache
def _csv() -> bytes:
    columns = "segment_id,Model,Model_success,source,reference,hypothesis,topic,BLEU by sacrebleu,credits_used"
    rows = (
        f'{number},model-{number % 4},{number % 50 != 0},"Good morning, {number}",Guten Morgen,'
        f"Guten Morgen {number % 97},greeting,{number % 1000 / 10},0.001"
        for number in range(CSV_ROWS)
    )
    return "\n".join(itertools.chain([columns], rows)).encode()


def _length(scene: Scene) -> int:
    return scene.bytes or len(_csv())


def _results(scene: Scene) -> Iterator[bytes]:
    csv = memoryview(_csv())
    left = _length(scene)
    for place in itertools.cycle(range(0, len(csv), PIECE)):
        piece = csv[place : place + min(PIECE, left)]
        yield bytes(piece)
        left -= len(piece)
        if not left:
            return


# -- the process ---------------------------------------------------------------------------------------------------


async def _serve(certificate: str) -> None:
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(Platform, "127.0.0.1", 0, backlog=4096)
    ports = [plain.sockets[0].getsockname()[1]]
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        secure = await loop.create_server(Platform, "127.0.0.1", 0, backlog=4096, ssl=context)
        ports.append(secure.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main(core: int, certificate: str) -> None:
    """Serve until standard input is closed."""
    pin(core)
    allow_many_files()
    try:
        import uvloop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    with runner:
        runner.run(_serve(certificate))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
