"""Starting a job exactly once, whatever becomes of the answer: F10, every case of `start_job()`."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import pytest

from aiobench import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    Client,
    ConflictError,
    Finished,
    InvalidResponseError,
    JobSnapshot,
    NotFoundError,
    PermissionDeniedError,
    PollPolicy,
    RateLimitError,
    ServerError,
    StartOutcomeUnknownError,
)
from faults.clock import FastClock
from faults.everywhere import EVERYWHERE
from faults.secrets import raises
from faults.server import Answer, Exchange, FaultServer, answer, raw, reply, reset

pytestmark = pytest.mark.anyio

START = "POST /sdk/benchmarks/b1/start"
LIST = "GET /sdk/benchmarks/b1/jobs"
ANSWER = reply(200, json.dumps({"jobId": "lost"}).encode())

LOSSES: dict[str, Answer] = {
    "reset": raw(b"", then="reset"),
    "closed": raw(b""),
    "headers cut": raw(ANSWER[:20]),
    "body cut": raw(ANSWER[:-5]),
    "body reset": raw(ANSWER[:-5], then="reset"),
    "silence": raw(b"", then="hold"),
    "html": answer(200, b"<html>hello</html>"),
    "no job": answer(200, {}),
    "redirect": answer(302, b"", Location="https://login.example/"),
    "bad gateway": answer(502, b"<html>bad gateway</html>"),
    "gateway timeout": answer(504, b""),
    "error": answer(500, {"message": "broken"}),
    "gateway's error": answer(500, b"<html>"),
    "unavailable": answer(503, {"message": "away"}),
    "gateway's unavailable": answer(503, b"<html>"),
    "request timeout": answer(408, b""),
}


def after_creating(loss: Answer, jobs: int = 1) -> Answer:
    """Start jobs, and lose the answer."""

    async def say(exchange: Exchange) -> None:
        for _ in range(jobs):
            exchange.server.start("b1")
        await loss(exchange)

    return say


@EVERYWHERE
async def test_an_answer_is_an_answer(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10, case 1: one look at the job list, one POST, one look at the job."""
    job = await new_client().start_job("b1")
    assert (job.id, job.status) == ("started-1", "in_progress")
    assert [each.method for each in server.requests] == ["GET", "POST", "GET"]


async def then_vanish(exchange: Exchange) -> None:
    """Answer, but refuse connections from now on."""
    exchange.server._server.close()  # before the answer: later, the backlog would be reset, not refused
    await exchange.server.behave(exchange)


@EVERYWHERE
async def test_what_was_surely_not_received_is_sent_again(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock
) -> None:
    """F10, case 2: a connection that was refused, and a 429, are tried again, and one job is started."""
    client = new_client()

    server.script(LIST, then_vanish)
    sleep = client._context.platform.session.sleep

    async def come_back(seconds: float) -> None:
        if not server._server.is_serving():
            await anyio.to_thread.run_sync(server.listen_again)
        await sleep(seconds)

    client._context.platform.session.sleep = come_back
    server.script(START, answer(429, b"", Retry_After="1"), answer(429, b""))
    assert (await client.start_job("b1")).id == "started-1"
    assert len(server.jobs) == 1
    assert len(server.sent_to(START)) == 3


async def test_refused_connections_in_the_end(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10, case 2: when that does not help within `max_retries`, the connection's own error is reported."""
    server.script(LIST, then_vanish)
    with raises(APIConnectionError) as caught:
        await new_client(max_retries=2).start_job("b1")
    assert (caught.value.attempts, caught.value.maybe_sent) == (3, False)
    server.listen_again()
    server.script(START, always=answer(429, b""))
    with raises(RateLimitError):
        await new_client(max_retries=1).start_job("b1")
    assert server.jobs == {}


@EVERYWHERE
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (418, APIStatusError),
        (422, BadRequestError),
    ],
)
async def test_a_refusal_is_told(
    server: FaultServer, new_client: Callable[..., Client], status: int, kind: type[APIStatusError]
) -> None:
    """F10, case 3: a 4xx is the answer; nothing is sent again and the job list is left alone."""
    server.script(START, always=answer(status, {"message": "no"}))
    with raises(kind):
        await new_client().start_job("b1")
    assert [each.method for each in server.requests] == ["GET", "POST"]


@EVERYWHERE
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_started_job_is_found(server: FaultServer, new_client: Callable[..., Client], loss: str) -> None:
    """F10, case 4a: when the answer is lost after the job was made, that job is returned; the POST was sent once."""
    for old in range(3):
        server.add_job(f"old-{old}", "completed")
    server.script(START, always=after_creating(LOSSES[loss]))
    job = await new_client(timeout=0.3 if loss == "silence" else 30).start_job("b1")
    assert job.id == "started-4"
    assert len(server.sent_to(START)) == 1


@EVERYWHERE
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_start_that_left_no_trace(server: FaultServer, new_client: Callable[..., Client], loss: str) -> None:
    """F10, cases 4b and 4c: without a new job the server's error is reported, or the outcome is unknown. Sent once."""
    server.add_job("old", "completed")
    server.script(START, always=LOSSES[loss])
    client = new_client(timeout=0.3 if loss == "silence" else 30)
    if loss in {"error", "unavailable"}:
        with raises(ServerError):
            await client.start_job("b1")
    else:
        with raises(StartOutcomeUnknownError) as caught:
            await client.start_job("b1")
        assert caught.value.benchmark_id == "b1"
        assert len(server.sent_to(LIST)) == 1 + 3
    assert len(server.sent_to(START)) == 1


async def test_a_job_that_appears_late(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10, case 4a: the platform may take a moment to show the job that it made."""

    async def make_it(exchange: Exchange) -> None:
        await server.behave(exchange)
        server.start("b1")

    server.script(LIST, None, None, make_it)
    server.script(START, always=LOSSES["reset"])
    assert (await new_client().start_job("b1")).id == "started-1"


async def test_two_new_jobs_are_one_too_many(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10, case 4c: when somebody else started the benchmark, too, nobody can tell which job is ours."""
    server.script(START, always=after_creating(LOSSES["reset"], jobs=2))
    with raises(StartOutcomeUnknownError, match="started-1, started-2"):
        await new_client().start_job("b1")


async def test_a_list_that_cannot_be_fetched_afterwards(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10, case 4c: without a list there is nothing to compare."""
    server.script(LIST, None, always=answer(500, b""))
    server.script(START, always=after_creating(LOSSES["reset"]))
    with raises(StartOutcomeUnknownError, match="could not be fetched"):
        await new_client(max_retries=1).start_job("b1")


async def test_a_list_that_cannot_be_fetched_before(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10: without a list from before nothing is started."""
    server.script(LIST, always=answer(404, {"message": "no such benchmark"}))
    with raises(NotFoundError):
        await new_client().start_job("b1")
    server.script(LIST, always=answer(200, b"<html>"))
    with raises(InvalidResponseError):
        await new_client(max_retries=1).start_job("b1")
    assert server.sent_to(START) == []


async def test_a_list_too_long_to_be_compared(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10: a job list over the size cap keeps nobody from starting; a lost answer stays unclear then."""
    server.script(LIST, always=answer(200, b"[" + b" " * (8 * 2**20) + b"]"))
    client = new_client(max_retries=0)
    assert (await client.start_job("b1")).id == "started-1"
    server.script(START, always=after_creating(LOSSES["reset"]))
    with raises(StartOutcomeUnknownError, match="too long"):
        await client.start_job("b1")


@EVERYWHERE
async def test_a_stale_connection_starts_nothing_twice(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10: a start insists on a connection of its own: on a kept one nobody could tell what the server has read."""
    client = new_client()
    for _ in range(3):
        server.add_job("j")
        await client.job("j").check_status()
    await client.start_job("b1")
    list_request, start_request = server.requests[-3], server.requests[-2]
    assert start_request.method == "POST"
    assert start_request.connection != list_request.connection


@EVERYWHERE
async def test_creating_a_benchmark_is_not_sent_twice(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10: the other POST that makes something is sent once as well; its lost answer is a connection's error."""
    server.script("POST /sdk/benchmarks$", always=LOSSES["reset"])
    with raises(APIConnectionError) as caught:
        await new_client().create_benchmark("n", dataset="d", models=["m"], metrics=["x"])
    assert caught.value.maybe_sent
    assert len(server.requests) == 1


async def test_two_starts_at_once_are_two_jobs(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F10: a start whose answer is lost does not take the job of another start at the same time for its own."""
    server.script(START, None, reset)
    client = new_client()
    outcomes: list[str] = []

    async def start() -> None:
        try:
            outcomes.append((await client.start_job("b1")).id)
        except StartOutcomeUnknownError:
            outcomes.append("unknown")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        tasks.start_soon(start)
    assert sorted(outcomes) == ["started-1", "unknown"]


@EVERYWHERE
@pytest.mark.parametrize("how", ["wait", "wait_all", "monitor"])
async def test_a_job_that_is_not_known_everywhere_yet(
    server: FaultServer, new_client: Callable[..., Client], how: str
) -> None:
    """A 404 just after a start was confirmed is asked again; one after the job was known is an answer."""
    client = new_client(max_retries=0, poll=PollPolicy(interval=0.01))
    server.script("GET /sdk/benchmarks/jobs/", *[answer(404, {"message": "Job not found"})] * 3)
    if how == "monitor":
        async with client.monitor() as monitor:
            job = await monitor.start("b1")
            server.jobs[job.id]["status"] = "completed"
            events = [event async for event in monitor]
        assert isinstance(events[-1], Finished)
    else:
        job = await client.start_job("b1")
        server.jobs[job.id]["status"] = "completed"
        ended = await job.wait() if how == "wait" else (await client.wait_all([job]))[job.id]
        assert isinstance(ended, JobSnapshot)
    del server.jobs[job.id]
    with raises(NotFoundError):
        await job.fetch()
