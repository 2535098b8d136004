"""The client's calls: what is asked, what comes of the answers, views, and who may use it where."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
import weakref
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
import respx
from anyio.lowlevel import current_token

from aiobench import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    BenchmarkJob,
    Client,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    InvalidResponseError,
    MetricSpec,
    ModelSpec,
    NotFoundError,
    PermissionDeniedError,
    PollPolicy,
    RateLimitError,
    ServerError,
    WrongEventLoopError,
)
from job_documents import job_document, sample, sample_bytes

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterator

    from loopback import LoopbackServer

KEY = "k3y-of-the-team"
JOB, LIST, START = "/sdk/benchmarks/jobs/J", "/sdk/benchmarks/B/jobs", "/sdk/benchmarks/B/start"
BENCHMARK = {
    "id": "B",
    "name": "mine",
    "model": [{"id": "m-1"}, {"id": "m-2"}],
    "datasets": ["ds-1"],
    "metrics": [{"id": "bleu"}],
}


@pytest.fixture
def platform() -> Iterator[respx.MockRouter]:
    """Answer for aiXplain's platform with replies of the test's choice."""
    with respx.mock(base_url="https://platform-api.aixplain.com", assert_all_called=False) as router:
        yield router


@pytest.fixture
def mocked(platform: respx.MockRouter, tls: ssl.SSLContext) -> Client:
    """Make a client of that platform, which gives up at the first failure; it opens no connection to be closed."""
    return Client(KEY, ssl_context=tls, max_retries=0)


# -- jobs --------------------------------------------------------------------------------------------------------


def test_job_makes_no_request(server: LoopbackServer) -> None:
    """`job()` is a handle: no request, no loop, status "" until polled."""
    job = Client(KEY, base_url=server.url).job("J", "B")

    assert (job.id, job.status, job.benchmark_id, job.additional_info) == ("J", "", "B", {})
    assert server.requests == []


@pytest.mark.parametrize("job_id", ["", " ", None, 5, "\ud800"])
def test_job_needs_an_id(job_id: Any) -> None:
    """An id that is none is refused at once."""
    with pytest.raises(ConfigurationError, match="job id"):
        Client(KEY).job(job_id)


@pytest.mark.anyio
async def test_a_job_that_was_asked_for_once_holds_little() -> None:
    """A service may start or get a hundred thousand jobs that only a monitor asks for from then on."""

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"jobId": request.url.path[-6:], "status": "in_progress"})

    async with Client(KEY, base_url="http://127.0.0.1:9", transport=lambda: httpx.MockTransport(reply)) as client:
        await client.get_job("job-000")
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            jobs = [await client.get_job(f"job-{number:03}") for number in range(200)]
            gc.collect()
            assert (tracemalloc.get_traced_memory()[0] - before) / len(jobs) < 1_000
        finally:
            tracemalloc.stop()


@pytest.mark.anyio
async def test_get_job(server: LoopbackServer, client: Client) -> None:
    """`get_job()` asks once, and the job knows its status and its benchmark."""
    server.route(f"GET {JOB}", sample("completed"))
    job = await client.get_job("J")

    assert (job.id, job.status, job.benchmark_id) == ("J", "completed", "bm-01")
    assert server.asked == [f"GET {JOB}"]


@pytest.mark.anyio
async def test_list_jobs(server: LoopbackServer, client: Client) -> None:
    """`list_jobs()` asks once; the jobs come in the platform's order and can be asked themselves."""
    server.route(f"GET {LIST}", sample_bytes("job_list"))
    server.route("GET /sdk/benchmarks/jobs/job-running", sample("in_progress"))
    jobs = await client.list_jobs("B")

    assert [(job.id, job.status, job.benchmark_id) for job in jobs] == [
        ("job-completed", "completed", "bm-01"),
        ("job-running", "in_progress", "bm-01"),
    ]
    assert await jobs[1].check_status() == "in_progress"
    assert server.asked == [f"GET {LIST}", "GET /sdk/benchmarks/jobs/job-running"]


@pytest.mark.anyio
async def test_list_with_odd_entries(server: LoopbackServer, client: Client) -> None:
    """An entry without a status is a job with "", one that names no benchmark is of the one asked for."""
    server.route(f"GET {LIST}", [{"jobId": "J"}, {"jobId": " "}, None, {"jobId": "K", "status": 5, "benchmark": None}])

    assert [(job.id, job.status, job.benchmark_id) for job in await client.list_jobs("B")] == [
        ("J", "", "B"),
        ("K", "", "B"),
    ]


@pytest.mark.anyio
async def test_empty_list(server: LoopbackServer, client: Client) -> None:
    """A benchmark without jobs has an empty list."""
    server.route(f"GET {LIST}", [])

    assert await client.list_jobs("B") == []


@pytest.mark.anyio
async def test_start_job(server: LoopbackServer, client: Client) -> None:
    """`start_job()` looks at the list, posts once without a body, and asks for the new job."""
    server.route(f"GET {LIST}", [])
    server.route(f"POST {START}", {"jobId": "J"})
    server.route(f"GET {JOB}", job_document(status="in_progress"))
    job = await client.start_job("B")

    assert (job.id, job.status, job.benchmark_id) == ("J", "in_progress", "BENCHMARK")
    assert server.asked == [f"GET {LIST}", f"POST {START}", f"GET {JOB}"]
    assert server.requests[1].body == b""


@pytest.mark.anyio
async def test_started_job_is_not_lost_with_its_status(server: LoopbackServer, client: Client) -> None:
    """A job that was started is returned, although it cannot be asked for yet."""
    server.route(f"GET {LIST}", [])
    server.route(f"POST {START}", {"jobId": "J"})
    job = await client.start_job("B")  # the job's route answers 404

    assert (job.id, job.status, job.benchmark_id) == ("J", "", "B")


@pytest.mark.anyio
async def test_refused_start_raises(server: LoopbackServer, client: Client) -> None:
    """Unlike the SDK: a start that is refused raises, where the SDK returns None."""
    server.route(f"GET {LIST}", [])
    server.route(f"POST {START}", {"message": "no credits left"}, status=400)

    with pytest.raises(BadRequestError, match="starting benchmark B: HTTP 400, 'no credits left'"):
        await client.start_job("B")
    assert server.asked == [f"GET {LIST}", f"POST {START}"]


# -- benchmarks --------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_get_benchmark_is_one_request(server: LoopbackServer, client: Client) -> None:
    """One request loads a benchmark, with the ids of what it is made of."""
    server.route("GET /sdk/benchmarks/B", BENCHMARK)
    found = await client.get_benchmark("B")

    assert (
        found.id,
        found.name,
        found.model_ids,
        found.dataset_ids,
        found.metric_ids,
    ) == ("B", "mine", ("m-1", "m-2"), ("ds-1",), ("bleu",))
    assert server.asked == ["GET /sdk/benchmarks/B"]


@pytest.mark.anyio
async def test_create_benchmark(server: LoopbackServer, client: Client) -> None:
    """The body is the wire format's; the new benchmark is loaded and given."""
    server.route("POST /sdk/benchmarks", {"id": "B"}, status=201)
    server.route("GET /sdk/benchmarks/B", BENCHMARK)
    found = await client.create_benchmark("mine", dataset="ds-1", models=["m-1", "m-2"], metrics=["bleu"])

    assert (found.id, found.name) == ("B", "mine")
    assert server.requests[0].json == {
        "name": "mine",
        "datasets": ["ds-1"],
        "metrics": [{"id": "bleu", "configurations": [[]]}],
        "model": ["m-1", "m-2"],
        "shapScores": [],
        "humanEvaluationReport": False,
        "automodeTraining": False,
    }
    assert server.requests[0].headers["Content-Type"] == "application/json"


@pytest.mark.anyio
async def test_create_benchmark_with_specs(server: LoopbackServer, client: Client) -> None:
    """Parameters, display names and normalization go where docs/reference/wire.md has them."""
    server.route("POST /sdk/benchmarks", {"id": "B"})
    server.route("GET /sdk/benchmarks/B", BENCHMARK)
    await client.create_benchmark(
        "mine",
        dataset="ds-1",
        models=[ModelSpec("m-1", "Prompt A", {"prompt": "Übersetze", "temperature": 0})],
        metrics=[MetricSpec("bleu", [["lowercase"], []])],
    )
    sent = server.requests[0].json

    assert (sent["model"], sent["metrics"]) == ([], [{"id": "bleu", "configurations": [["lowercase"], []]}])
    (model,) = sent["models"]
    assert (model["id"], model["displayName"]) == ("m-1", "Prompt A")
    assert json.loads(model["configurations"]) == {"prompt": "Übersetze", "temperature": 0}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "bad",
    [
        {"dataset": ""},
        {"dataset": ["ds-1", "ds-2"]},
        {"metrics": []},
        {"models": []},
        {"models": ["m-1", ModelSpec("m-2", "B")]},
        {"metrics": [MetricSpec("bleu", None)]},  # type: ignore[arg-type]
        {"name": "\ud800"},
    ],
    ids=["no dataset", "two datasets", "no metric", "no model", "some display names", "odd normalization", "odd name"],
)
async def test_bad_benchmark_is_refused_before_any_request(
    server: LoopbackServer, client: Client, bad: dict[str, Any]
) -> None:
    """What the platform would refuse is a ConfigurationError without a request."""
    good: dict[str, Any] = {"name": "mine", "dataset": "ds-1", "models": ["m-1"], "metrics": ["bleu"]}

    with pytest.raises(ConfigurationError):
        await client.create_benchmark(**(good | bad))
    assert server.requests == []


@pytest.mark.anyio
async def test_list_normalization_options(server: LoopbackServer, client: Client) -> None:
    """The options of a metric for a model are asked for as docs/reference/wire.md says."""
    server.route("POST /sdk/benchmarks/normalization-options", [{"value": "lowercase"}, {"value": "nopunct"}])

    assert await client.list_normalization_options("bleu", "m-1") == ["lowercase", "nopunct"]
    assert server.requests[0].json == {"metricId": "bleu", "modelIds": ["m-1"]}


# -- what can be answered ----------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "get_job": lambda client: client.get_job("J"),
    "list_jobs": lambda client: client.list_jobs("B"),
    "start_job": lambda client: client.start_job("B"),
    "get_benchmark": lambda client: client.get_benchmark("B"),
    "create_benchmark": lambda client: client.create_benchmark("mine", dataset="d", models=["m"], metrics=["b"]),
    "list_normalization_options": lambda client: client.list_normalization_options("b", "m"),
}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (402, APIStatusError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, BadRequestError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
    ],
)
@pytest.mark.parametrize("call", CALLS)
async def test_each_call_raises_the_error_of_the_status(
    platform: respx.MockRouter, mocked: Client, call: str, status: int, expected: type[APIStatusError]
) -> None:
    """Unlike the SDK: a status is a typed error with status, message and request id, in every call."""
    body = {"statusCode": status, "message": "Benchmark job not found"}
    platform.route().respond(status, json=body, headers={"x-request-id": "req-1"})

    with pytest.raises(expected) as caught:
        await CALLS[call](mocked)
    error = caught.value
    assert (expected, status, "Benchmark job not found", "req-1", 1) == (
        type(error),
        error.status_code,
        error.message,
        error.request_id,
        error.attempts,
    )


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b"<html>Login</html>", b'{"status": "comp', b"null", b"5", b'{"status": NaN}', b""])
@pytest.mark.parametrize("call", sorted(set(CALLS) - {"create_benchmark"}))
async def test_each_call_refuses_what_is_no_answer(
    platform: respx.MockRouter, mocked: Client, call: str, body: bytes
) -> None:
    """A 200 that is not what its route promises is an InvalidResponseError that shows how it begins (F12)."""
    platform.route().respond(200, content=body)

    with pytest.raises(InvalidResponseError) as caught:
        await CALLS[call](mocked)
    assert body.decode() == caught.value.body


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"id": ""}', b'{"id": 5}', b"<html>"])
async def test_new_benchmark_without_an_id_is_refused(platform: respx.MockRouter, mocked: Client, body: bytes) -> None:
    """A reply that does not name the new benchmark is an InvalidResponseError."""
    platform.post("/sdk/benchmarks").respond(200, content=body)

    with pytest.raises(InvalidResponseError, match="creating benchmark 'mine': HTTP 200, but"):
        await CALLS["create_benchmark"](mocked)


@pytest.mark.anyio
async def test_redirect_is_not_followed(platform: respx.MockRouter, mocked: Client) -> None:
    """A redirect of an API call is refused, and the key goes nowhere else (F14)."""
    evil = respx.get("https://evil.example/sdk")
    platform.get(JOB).respond(302, headers={"location": "https://evil.example/sdk"})

    with pytest.raises(InvalidResponseError, match=r"redirected to 'https://evil\.example/sdk'"):
        await mocked.get_job("J")
    assert not evil.called


@pytest.mark.anyio
async def test_default_platform(platform: respx.MockRouter, mocked: Client) -> None:
    """Without settings a client asks aiXplain's platform."""
    route = platform.get(JOB).respond(json=job_document(status="running"))

    assert (await mocked.get_job("J")).status == "running"
    assert [str(call.request.url) for call in route.calls] == [f"https://platform-api.aixplain.com{JOB}"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("job_id", "segment"),
    [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("..", "%2E%2E"), ("ä ö", "%C3%A4%20%C3%B6"), ("%2F", "%252F")],
)
async def test_odd_id_stays_in_its_segment(server: LoopbackServer, client: Client, job_id: str, segment: str) -> None:
    """Unlike the SDK: an id with a slash, a question mark or dots reaches the server as one segment (F27)."""
    server.route(f"GET /sdk/benchmarks/jobs/{segment}", job_document(status="running"))

    assert (await client.get_job(job_id)).status == "running"
    assert server.asked == [f"GET /sdk/benchmarks/jobs/{segment}"]


@pytest.mark.anyio
@pytest.mark.parametrize("call", ["list_jobs", "start_job", "get_benchmark"])
async def test_empty_benchmark_id_is_refused(server: LoopbackServer, client: Client, call: str) -> None:
    """An empty id is refused before any request."""
    with pytest.raises(ConfigurationError, match="benchmark id"):
        await getattr(client, call)("")
    with pytest.raises(ConfigurationError, match="metric id"):
        await client.list_normalization_options("", "m")
    with pytest.raises(ConfigurationError, match="model id"):
        await client.list_normalization_options("b", "")
    assert server.requests == []


# -- views -------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_view_uses_the_same_connections(server: LoopbackServer, client: Client) -> None:
    """A view has other settings on the same connections."""
    server.route(f"GET {JOB}", job_document(status="running"))
    view = client.with_options(timeout=5.0, max_retries=9, max_retry_after=7.0)
    await client.get_job("J")
    await view.get_job("J")

    assert len({request.connection for request in server.requests}) == 1
    assert (
        view._context.platform.options.timeout,
        view._context.platform.options.max_retries,
        view._context.platform.options.max_retry_after,
    ) == (5.0, 9, 7.0)
    assert (client._context.platform.options.timeout, client._context.platform.options.max_retries) == (30.0, 0)


@pytest.mark.anyio
async def test_view_keeps_what_it_is_not_told(client: Client) -> None:
    """What is not named stays as it was, in a view of a view, too."""
    policy = PollPolicy(interval=0.1)
    view = client.with_options(timeout=5.0, poll=policy).with_options(max_retries=2)

    assert (5.0, 2, policy) == (
        view._context.platform.options.timeout,
        view._context.platform.options.max_retries,
        view._context.poll,
    )


class Labelled(Client):
    """A client of a user's own."""

    def __init__(self, label: str, **settings: Any) -> None:
        super().__init__(KEY, **settings)
        self.label = label


@pytest.mark.anyio
async def test_view_of_a_subclass_keeps_what_it_has_set(server: LoopbackServer) -> None:
    """A view is of the subclass, with its attributes, whatever arguments its constructor takes."""
    async with Labelled("mine", base_url=server.url) as client:
        view = client.with_options(timeout=5.0)

    assert type(view) is Labelled
    assert view.label == "mine"


@pytest.mark.anyio
async def test_closing_a_view_does_nothing(server: LoopbackServer, client: Client) -> None:
    """A view may be closed, also by `async with`; closing the client closes its views."""
    server.route(f"GET {JOB}", job_document(status="running"))
    view = client.with_options(timeout=5.0)
    async with view:
        pass
    await view.aclose()

    assert (await view.get_job("J")).status == "running"
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await view.get_job("J")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "bad",
    [{"timeout": 0}, {"max_retries": -1}, {"max_retry_after": -1}, {"poll": 5}, {"default_headers": {"Host": "x"}}],
)
async def test_view_refuses_what_a_client_refuses(client: Client, bad: dict[str, Any]) -> None:
    """A view's settings are checked like a client's."""
    with pytest.raises(ConfigurationError):
        client.with_options(**bad)


# -- life --------------------------------------------------------------------------------------------------------


def test_plain_with_names_the_synchronous_client() -> None:
    """`with` on an asynchronous client is a TypeError that says what to use instead."""
    with pytest.raises(TypeError, match=r"`async with`, or aiobench\.sync\.Client"), Client(KEY):  # type: ignore[attr-defined]
        raise AssertionError("the block was entered")


@pytest.mark.anyio
async def test_client_works_without_a_block(server: LoopbackServer) -> None:
    """A client may be used without `async with` and closed in the end; closing twice does nothing."""
    server.route(f"GET {JOB}", job_document(status="running"))
    client = Client(KEY, base_url=server.url)

    assert (await client.get_job("J")).status == "running"
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosedError, match="closed; make a new one"):
        await client.get_job("J")


@pytest.mark.anyio
async def test_client_that_was_never_used_can_be_closed() -> None:
    """Closing needs no use before."""
    async with Client(KEY) as client:
        assert repr(client) == "<aiobench.Client of https://platform-api.aixplain.com/>"
    with pytest.raises(ClientClosedError):
        await client.get_job("J")


def test_client_may_be_made_outside_of_any_loop(server: LoopbackServer, anyio_backend: str) -> None:
    """A client can be made before there is an event loop, and is used in the first that comes."""
    server.route(f"GET {JOB}", job_document(status="running"))
    client = Client(KEY, base_url=server.url)

    async def main() -> str:
        async with client:
            return (await client.get_job("J")).status

    assert anyio.run(main, backend=anyio_backend) == "running"


def test_second_loop_is_refused(platform: respx.MockRouter, mocked: Client, anyio_backend: str) -> None:
    """A client used in another loop than the first says so, and what to do (F23)."""
    platform.get(JOB).respond(json=job_document(status="running"))

    async def main() -> str:
        return (await mocked.get_job("J")).status

    assert anyio.run(main, backend=anyio_backend) == "running"
    with pytest.raises(WrongEventLoopError, match=r"make a client in each asyncio\.run\(\), or use aiobench\.sync"):
        anyio.run(main, backend=anyio_backend)


@pytest.mark.anyio
async def test_many_calls_at_once_share_the_connections(server: LoopbackServer) -> None:
    """Calls of many tasks use at most `max_connections` connections, and each gets its own answer."""
    statuses = {f"J{n}": f"status-{n}" for n in range(40)}
    for job_id, status in statuses.items():
        server.route(f"GET /sdk/benchmarks/jobs/{job_id}", job_document(status=status))
    found: dict[str, str] = {}

    async def ask(client: Client, job_id: str) -> None:
        found[job_id] = (await client.get_job(job_id)).status

    async with Client(KEY, base_url=server.url, max_connections=3) as client, anyio.create_task_group() as tasks:
        for job_id in statuses:
            tasks.start_soon(ask, client, job_id)

    assert statuses == found
    assert len({request.connection for request in server.requests}) <= 3


@pytest.mark.anyio
async def test_transport_may_be_a_factory() -> None:
    """A function that makes transports takes the network's place."""
    async with Client(KEY, transport=lambda: httpx.MockTransport(echo)) as client:
        assert (await client.get_job("J")).id == "J"


def echo(request: httpx.Request) -> httpx.Response:
    """Answer with a job whose status is the request's key."""
    return httpx.Response(200, json=job_document(status=request.headers["authorization"]))


@pytest.mark.anyio
async def test_a_status_that_repeats_the_key_does_not_hold_it() -> None:
    """F33: text of the server is read without the key, wherever it is shown afterwards."""
    async with Client(KEY, transport=lambda: httpx.MockTransport(echo)) as client:
        assert (await client.get_job("J")).status == "Token [redacted]"


# -- the default client ------------------------------------------------------------------------------------------


@pytest.fixture
def environment(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> LoopbackServer:
    """Name the test's server in the environment."""
    monkeypatch.setenv("TEAM_API_KEY", KEY)
    monkeypatch.setenv("BACKEND_URL", server.url)
    server.route(f"GET {JOB}", job_document(status="running"))
    return server


def test_job_without_client_works_in_two_loops(environment: LoopbackServer, anyio_backend: str) -> None:
    """A job built without a client can be asked in one `run` after another, and nothing needs closing."""
    job = BenchmarkJob("J", "", "B")

    async def main() -> str:
        return await job.check_status()

    assert [anyio.run(main, backend=anyio_backend) for _ in range(2)] == ["running", "running"]
    gc.collect()  # an open socket would be a ResourceWarning, which is an error here
    assert [f"Token {KEY}"] * 2 == [request.headers["Authorization"] for request in environment.requests]


@pytest.mark.asyncio
async def test_default_client_keeps_no_idle_connection(environment: LoopbackServer) -> None:
    """Between two calls of a job without client no connection is held, and none of its tasks."""
    job, other = BenchmarkJob("J", "", "B"), BenchmarkJob("J", "", "B")
    await job.check_status()
    await other.check_status()

    assert len({request.connection for request in environment.requests}) == 2
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.anyio
async def test_default_client_is_one_per_loop(environment: LoopbackServer) -> None:
    """Jobs without a client share one in their loop, so that a 429 to one of them is heeded by all."""
    jobs = [BenchmarkJob("J", "", "B") for _ in range(3)]
    for job in jobs:
        await job.check_status()

    assert len({id(job._asking_context()) for job in jobs}) == 1


@pytest.mark.usefixtures("environment")
def test_jobs_without_client_keep_no_loop_alive(anyio_backend: str) -> None:
    """F40: when its loop is over, the default context goes, and so does the loop."""
    job = BenchmarkJob("J", "", "B")

    async def main() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
        await job.check_status()
        return weakref.ref(current_token().native_token), weakref.ref(job._asking_context().platform.session)

    held = [each for _ in range(3) for each in anyio.run(main, backend=anyio_backend)]
    gc.collect()

    assert [each() for each in held] == [None] * 6


@pytest.mark.anyio
async def test_default_client_is_made_from_the_environment_at_first_use(
    environment: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job can be built without a key in sight; the first question needs one, and says so."""
    monkeypatch.delenv("TEAM_API_KEY")
    job = BenchmarkJob("J", "", "B")

    with pytest.raises(ConfigurationError, match="no API key"):
        await job.check_status()
    monkeypatch.setenv("AIXPLAIN_API_KEY", "later")
    assert await job.check_status() == "running"
    assert environment.requests[0].headers["Authorization"] == "Token later"
