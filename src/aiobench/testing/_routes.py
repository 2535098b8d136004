"""The routes of docs/reference/wire.md: which one a request is for, and its reply."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import frozen

from aiobench.testing import _documents as documents
from aiobench.testing.replies import JSON, FakeRequest, RefusedError, Reply, json_reply

if TYPE_CHECKING:
    from aiobench.testing._assets import Assets
    from aiobench.testing.jobs import FakeJob

__all__ = ["RESULTS", "Incoming", "Routes"]

RESULTS = "{reportUrl}"
URL_SECONDS = 3600.0  # how long the URL of a results file is good for
PARAMETERS = ("{jobId}", "{id}")


@frozen
class Incoming:
    """A request as it arrives: `target` with its query, header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    origin: str  # where the results are, such as "https://results.test"


class Routes:
    """Answers requests from a platform's assets."""

    def __init__(self, assets: Assets, api_key: str, now: Callable[[], float]) -> None:
        self._assets = assets
        self._api_key = api_key
        self._now = now
        self._last_replies: dict[str, tuple[object, Reply]] = {}
        self._last_entries: dict[str, tuple[object, bytes]] = {}
        self._table: dict[tuple[str, str], Callable[[Incoming, str], Reply]] = {
            ("GET", "sdk/benchmarks/jobs/{jobId}"): self._job,
            ("GET", "sdk/benchmarks/{id}/jobs"): self._jobs,
            ("POST", "sdk/benchmarks/{id}/start"): self._start,
            ("POST", "sdk/benchmarks"): self._create,
            ("POST", "sdk/benchmarks/normalization-options"): self._normalization_options,
            ("GET", "sdk/benchmarks/{id}"): self._benchmark,
            ("GET", "sdk/models/{id}"): lambda _, id: json_reply(documents.model_document(id)),
            ("GET", "sdk/datasets/{id}/overview"): lambda _, id: json_reply(documents.dataset_document(id)),
            ("GET", "sdk/metrics/{id}"): lambda _, id: json_reply(documents.metric_document(id)),
            ("GET", "sdk/metrics"): self._metrics,
            ("GET", RESULTS): self._results,
        }

    @property
    def names(self) -> list[str]:
        """The routes, as in `FakeRequest.route`."""
        return list(dict.fromkeys(route for _, route in self._table))

    def find(self, incoming: Incoming) -> FakeRequest:
        """Return the route of a request."""
        parts = _parts(incoming.target)
        if parts[:1] == ["results"]:
            return FakeRequest(incoming.method, RESULTS, parts[-1].removesuffix(".csv"), at=self._now())
        for method, route in self._table:
            found = _match(route.split("/"), parts)
            if method == incoming.method and found is not None:
                job = found if "{jobId}" in route else None
                benchmark = found if route.startswith("sdk/benchmarks/{id}") else None
                return FakeRequest(method, route, job, benchmark, self._now())
        return FakeRequest(incoming.method, "/".join(parts), at=self._now())

    def answer(self, request: FakeRequest, incoming: Incoming) -> Reply:
        """Answer a request as the platform does."""
        try:
            return _unless_known(self._allowed(request, incoming), incoming)
        except RefusedError as error:
            return json_reply({"statusCode": error.status, "message": str(error)}, error.status)

    def _allowed(self, request: FakeRequest, incoming: Incoming) -> Reply:
        if request.route != RESULTS and incoming.headers.get("authorization") != f"Token {self._api_key}":
            raise RefusedError(401, "Missing or wrong API key; send the header Authorization: Token <key>")
        handler = self._table.get((request.method, request.route))
        if handler is None:
            raise RefusedError(404, f"Cannot {request.method} /{request.route}")
        found = request.job or request.benchmark or _match(request.route.split("/"), _parts(incoming.target)) or ""
        return handler(incoming, found)

    def _job(self, incoming: Incoming, job_id: str) -> Reply:
        job, benchmark = self._assets.job(job_id)
        url = self._results_url(incoming.origin, job)
        state, reply = self._last_replies.get(job_id, (None, Reply()))
        if state != (job.state, url):  # most polls find what the one before has found
            state = job.state, url
            reply = json_reply(documents.job_document(job, benchmark, url))
            self._last_replies[job_id] = state, reply
        return reply

    def _results_url(self, origin: str, job: FakeJob) -> str:
        if not job.has_results:
            return ""
        expires = self._now() + URL_SECONDS
        return f"{origin}/results/{job.id}.csv?expires={expires}&signature={self._signature(job.id, expires)}"

    def _jobs(self, _: Incoming, benchmark_id: str) -> Reply:
        entries = map(self._list_entry, self._assets.benchmark(benchmark_id).jobs)
        return Reply(200, b"[" + b",".join(entries) + b"]", JSON)

    def _list_entry(self, job: FakeJob) -> bytes:
        state, entry = self._last_entries.get(job.id, (None, b""))
        if state != job.state:
            state, entry = job.state, json.dumps(documents.job_list_entry(job)).encode()
            self._last_entries[job.id] = state, entry
        return entry

    def _start(self, _: Incoming, benchmark_id: str) -> Reply:
        return json_reply({"jobId": self._assets.start(benchmark_id).id}, 201)

    def _benchmark(self, _: Incoming, benchmark_id: str) -> Reply:
        return json_reply(documents.benchmark_document(self._assets.benchmark(benchmark_id)))

    def _create(self, incoming: Incoming, _: str) -> Reply:
        return json_reply({"id": self._assets.create(_object(incoming.body)).id}, 201)

    def _normalization_options(self, incoming: Incoming, _: str) -> Reply:
        asked = _object(incoming.body)
        if not isinstance(asked.get("metricId"), str) or not isinstance(asked.get("modelIds"), list):
            raise RefusedError(400, "metricId must be a string, and modelIds a list")
        return json_reply([{"value": "lowercase"}, {"value": "remove-punctuation"}])

    def _metrics(self, _: Incoming, __: str) -> Reply:
        return json_reply({"results": [documents.metric_document(metric) for metric in documents.METRICS]})

    def _results(self, incoming: Incoming, job_id: str) -> Reply:
        query = parse_qs(urlsplit(incoming.target).query)
        expires = float(query.get("expires", ["0"])[0])
        if "authorization" in incoming.headers:
            return _xml(400, "InvalidArgument", "Only one way of authentication is allowed")
        if query.get("signature") != [self._signature(job_id, expires)]:
            return _xml(403, "SignatureDoesNotMatch", "The signature does not match the address")
        if expires < self._now():
            return _xml(403, "AccessDenied", "Request has expired")
        job, _ = self._assets.job(job_id)
        return Reply(200, (job.outcome.csv or "").encode(), (("content-type", "text/csv; charset=utf-8"),))

    def _signature(self, job_id: str, expires: float) -> str:
        return f"{hash((self._api_key, job_id, expires)) & 0xFFFFFFFFFFFFFFFF:016x}"


def _unless_known(reply: Reply, incoming: Incoming) -> Reply:
    """Mark a document with a weak ETag; 304 if the client has it (RFC 9110, 13.1.2)."""
    if incoming.method != "GET" or reply.status != 200 or reply.headers != JSON:
        return reply
    etag = f'W/"{len(reply.body):x}-{zlib.crc32(reply.body):08x}"'
    if incoming.headers.get("if-none-match") == etag:
        return Reply(304, headers=(("etag", etag),))
    return Reply(200, reply.body, (*JSON, ("etag", etag)))


def _parts(target: str) -> list[str]:
    return [unquote(part) for part in urlsplit(target).path.removeprefix("/").split("/")]


def _match(route: list[str], parts: list[str]) -> str | None:
    """Return the value of the route's parameter ("" if it has none), or None if this is not the route."""
    if len(route) != len(parts):
        return None
    if any(wanted not in (part, *PARAMETERS) for wanted, part in zip(route, parts, strict=True)):
        return None
    return next((part for wanted, part in zip(route, parts, strict=True) if wanted in PARAMETERS), "")


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise RefusedError(400, "The body is not valid JSON") from error
    if not isinstance(document, dict):
        raise RefusedError(400, "A JSON object was expected")
    return document


def _xml(status: int, code: str, message: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body.encode(), (("content-type", "application/xml"),))
