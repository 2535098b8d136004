"""OpenTelemetry's instrumentation of httpx sees our requests, by the code of its how-to page, and no secret in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry import baggage, context
from opentelemetry.instrumentation.httpx import AsyncOpenTelemetryTransport, HTTPXClientInstrumentor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import aiobench.sync
from aiobench import APIConnectionError, Client, ResultExpiredError
from faults.secrets import KEY, SIGNED, assert_clean
from faults.server import FaultServer, answer, reset, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "howto" / "telemetry.md"
HEADERS = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
SANITIZE, SANITIZED = f"{HEADERS}SANITIZE_FIELDS", "authorization,location"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Run a platform with one job under way and one with results."""
    with running() as server:
        server.add_job("open")
        server.add_results("done", b"Model,source\nm,hello\n", query=SIGNED)
        yield server


@pytest.fixture(params=["", "http/dup"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Choose the environment: attributes by their old names, or by both."""
    return {"OTEL_SEMCONV_STABILITY_OPT_IN": request.param}


@pytest.fixture
def namespace(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Evaluate the page's first block in that environment; undo it afterwards."""
    from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as Names

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Names, "_initialized", False)  # it reads the environment once in a process
    monkeypatch.setattr(Names, "_OTEL_SEMCONV_STABILITY_SIGNAL_MAPPING", {})
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT)).parse(PAGE)
    try:
        next(iter(document.examples())).evaluate()
        yield document.namespace
    finally:
        HTTPXClientInstrumentor().uninstrument()
        document.namespace["provider"].shutdown()


@pytest.fixture
def provider(namespace: dict[str, Any]) -> TracerProvider:
    """Give what the page set up."""
    return namespace["provider"]


@pytest.fixture
def spans(provider: TracerProvider) -> InMemorySpanExporter:
    """Keep the spans of what the page set up."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def url(span: ReadableSpan) -> str:
    """Give a span's URL, and check that its two names agree."""
    assert span.attributes is not None
    assert span.attributes["http.url"] == span.attributes["url.full"]
    return str(span.attributes["http.url"])


def shown(exporter: InMemorySpanExporter, server: FaultServer) -> list[str]:
    """Give the targets of the requests that have a span; no span shows a secret in any of its parts."""
    found = exporter.get_finished_spans()
    for span in found:
        assert_clean(span.to_json(), "a span")
    return [url(span).removeprefix(server.base_url) for span in found if span.name == "GET"]


@pytest.mark.anyio
async def test_calls_polls_and_downloads_are_traced(
    server: FaultServer, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """Each request is a span of what was current when it was made; the URL of results is shown without its query."""
    tracer = provider.get_tracer("test")
    async with Client(KEY, base_url=server.base_url, trust_env=False) as client:
        with tracer.start_as_current_span("parent") as parent:
            await client.job("open").check_status()
            await client.job("done").wait(timeout=60)
            await client.job("done").download_results_as_csv(return_dataframe=True)
            async with client.monitor(["done"], timeout=60) as monitor:
                assert [event.job.id async for event in monitor] == ["done"]

    jobs = "/sdk/benchmarks/jobs"
    results = [f"{jobs}/done", "/results/done.csv"]
    assert shown(spans, server) == [f"{jobs}/open", f"{jobs}/done", *results, f"{jobs}/done"]
    assert "Signature" in server.sent_to("GET /results")[0].target
    requests = [span for span in spans.get_finished_spans() if span.name == "GET"]
    assert {span.parent.span_id for span in requests if span.parent} == {parent.get_span_context().span_id}
    heads = [request.headers["traceparent"] for request in server.requests]
    assert [f"{span.get_span_context().span_id:016x}" for span in requests] == [head.split("-")[2] for head in heads]


def test_the_blocking_world_is_traced(
    server: FaultServer, provider: TracerProvider, spans: InMemorySpanExporter
) -> None:
    """A blocking call works in another thread, and its requests have the caller's span as their parent still."""
    with (
        aiobench.sync.Client(KEY, base_url=server.base_url, trust_env=False) as client,
        provider.get_tracer("test").start_as_current_span("parent") as parent,
    ):
        client.job("open").check_status()
        client.job("done").download_results_as_csv(return_dataframe=True)

    assert shown(spans, server) == ["/sdk/benchmarks/jobs/open", "/sdk/benchmarks/jobs/done", "/results/done.csv"]
    requests = [span for span in spans.get_finished_spans() if span.name == "GET"]
    assert {span.parent.span_id for span in requests if span.parent} == {parent.get_span_context().span_id}


@pytest.mark.anyio
async def test_each_attempt_is_a_span(server: FaultServer, spans: InMemorySpanExporter) -> None:
    """What was tried again, refused or cut is shown as often as it was sent, with its error and without a secret."""
    server.script("GET /sdk/benchmarks/jobs/open", answer(503), None)
    server.script("GET /results", always=answer(403, b"<Error>no</Error>"))
    async with Client(KEY, base_url=server.base_url, trust_env=False) as client:
        await client.job("open").check_status()
        with pytest.raises(ResultExpiredError):
            await client.job("done").download_results_as_csv(return_dataframe=True)
        server.script("GET /", always=reset)
        with pytest.raises(APIConnectionError):
            await client.with_options(max_retries=0).get_job("gone")

    targets = shown(spans, server)
    assert targets == [request.path for request in server.requests]
    errors = [span.attributes.get("http.status_code") for span in spans.get_finished_spans() if span.attributes]
    assert errors[:2] == [503, 200]
    assert targets[2:6] == ["/sdk/benchmarks/jobs/done", "/results/done.csv"] * 2
    assert not spans.get_finished_spans()[-1].status.is_ok


@pytest.mark.anyio
async def test_what_is_added_to_a_request_does_not_stay(server: FaultServer, provider: TracerProvider) -> None:
    """A job's request is prepared once; what belongs to one caller's trace does not go out with the next poll."""
    async with Client(KEY, base_url=server.base_url, trust_env=False) as client:
        job = client.job("open")
        user = context.attach(baggage.set_baggage("user", "alice"))
        with provider.get_tracer("test").start_as_current_span("parent"):
            await job.check_status()
        context.detach(user)
        await job.check_status()
        HTTPXClientInstrumentor().uninstrument()
        await job.check_status()

    first, second, third = (request.headers for request in server.requests)
    assert (first.get("baggage"), second.get("baggage"), third.get("baggage")) == ("user=alice", None, None)
    assert second["traceparent"] != first["traceparent"]
    assert "traceparent" not in third


@pytest.mark.anyio
@pytest.mark.parametrize(
    "settings", [{f"{HEADERS}CLIENT_REQUEST": ".*", f"{HEADERS}CLIENT_RESPONSE": ".*", SANITIZE: SANITIZED}]
)
async def test_captured_headers_are_sanitized(server: FaultServer, spans: InMemorySpanExporter) -> None:
    """With the setting that the page names, not even all headers, captured, show a secret."""
    assert f"{SANITIZE}={SANITIZED}" in PAGE.read_text("utf-8")
    server.script("GET /results", answer(302, Location=f"{server.base_url}/results/done.csv{SIGNED}"), None)

    async with Client(KEY, base_url=server.base_url, trust_env=False) as client:
        await client.job("done").download_results_as_csv(return_dataframe=True)

    assert shown(spans, server) == ["/sdk/benchmarks/jobs/done", *["/results/done.csv"] * 2]
    captured = dict(spans.get_finished_spans()[0].attributes or {})
    assert captured["http.request.header.authorization"] == ("[REDACTED]",)
    assert captured["http.request.header.accept"] == ("application/json",)


@pytest.mark.anyio
async def test_a_transport_of_ones_own_is_traced_when_wrapped(
    server: FaultServer, namespace: dict[str, Any], spans: InMemorySpanExporter
) -> None:
    """A factory can wrap what it makes, for one client alone."""
    HTTPXClientInstrumentor().uninstrument()

    def make() -> httpx.AsyncBaseTransport:
        hook, provider = namespace["leave_the_query_out"], namespace["provider"]
        return AsyncOpenTelemetryTransport(httpx.AsyncHTTPTransport(), tracer_provider=provider, request_hook=hook)

    async with (
        Client(KEY, base_url=server.base_url, trust_env=False, transport=make) as traced,
        Client(KEY, base_url=server.base_url, trust_env=False) as other,
    ):
        await traced.job("done").download_results_as_csv(return_dataframe=True)
        await other.job("open").check_status()

    assert shown(spans, server) == ["/sdk/benchmarks/jobs/done", "/results/done.csv"]
