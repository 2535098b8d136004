"""A small HTTP server on loopback that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, Self, cast

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message


@frozen
class Request:
    """A request as it came over the wire."""

    method: str
    target: str
    """Path and query, byte for byte."""
    headers: Message
    body: bytes
    connection: int
    """The client's port: tells connections apart."""

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@define
class Answer:
    """What a route answers."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict[str, str])


class LoopbackServer:
    """Answers each route with the next of its answers, the last one again and again; anything else with 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[str, list[Answer]] = {}

    def __enter__(self) -> Self:
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def asked(self) -> list[str]:
        """The requests' methods and targets, in order."""
        return [f"{request.method} {request.target}" for request in self.requests]

    def route(
        self, route: str, body: object = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Add an answer to a route such as `GET /sdk/benchmarks/jobs/JOB`; a body that is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._answers.setdefault(route, []).append(Answer(content, status, headers or {}))

    def answer(self, request: Request) -> Answer:
        """Choose the answer to a request."""
        self.requests.append(request)
        answers = self._answers.get(f"{request.method} {request.target}", [Answer(b'{"message": "Not found"}', 404)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Server(ThreadingHTTPServer):
    owner: LoopbackServer
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a request, whatever its method."""
        length = int(self.headers.get("content-length", 0))
        request = Request(
            self.command, self.path, self.headers, self.rfile.read(length), cast("int", self.client_address[1])
        )
        answer = cast("_Server", self.server).owner.answer(request)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_GET  # noqa: N815 - the base class's way

    def log_message(self, *_: object) -> None:
        """Say nothing: the tests look at `requests`."""
