"""Conditional requests: what is asked with which ETag, and servers that answer them wrongly."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from aiobench import Client, Finished, InvalidResponseError, PollFailed, PollPolicy
from aiobench._watch.unchanged import FULL_REQUEST_EVERY, LastReply
from faults.server import Exchange, FaultServer, reply, running

pytestmark = pytest.mark.anyio

LIST = "GET /sdk/benchmarks/b1/jobs"
QUICK = PollPolicy(interval=0.01, max_interval=0.01)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Run a platform that follows a script."""
    with running() as server:
        yield server


@pytest.fixture
async def client(server: FaultServer) -> AsyncIterator[Client]:
    """Make a client of the server that polls quickly."""
    async with Client("key", base_url=server.base_url, poll=QUICK, trust_env=False) as client:
        yield client


def noted(etag: str | None, digest: int = 1) -> LastReply:
    """Make the memory of a reply."""
    last = LastReply()
    last.note(digest, etag)
    return last


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', '""', 'W/"1f-xyz/+=="'])
def test_an_etag_is_asked_with(etag: str) -> None:
    """Strong and weak ETags are sent back as they came."""
    assert etag == noted(etag).condition()


@pytest.mark.parametrize("etag", [None, "", "v1", '"', '"a" "b"', '"é"', '"\x00"', '"' + "x" * 300 + '"', 'w/"x"', "*"])
def test_what_is_no_etag_is_not(etag: str | None) -> None:
    """A malformed ETag, or one that a header cannot carry back, is ignored."""
    assert noted(etag).condition() is None


def test_every_20th_request_is_a_full_one() -> None:
    """A full request comes in time, whatever the server answers."""
    last = noted('"v"')
    asked = [last.condition() for _ in range(60)]
    assert [place for place, each in enumerate(asked) if each is None] == [
        FULL_REQUEST_EVERY - 1,
        2 * FULL_REQUEST_EVERY - 1,
        3 * FULL_REQUEST_EVERY - 1,
    ]


def test_an_etag_of_two_contents_is_not_believed_again() -> None:
    """A server that shows another document under the same ETag is asked in full from then on."""
    last = noted('"v"')
    last.note(2, '"v"')
    assert last.condition() is None
    last.note(3, '"w"')
    assert last.condition() is None


def test_what_was_forgotten_is_asked_for_in_full() -> None:
    """When something else has changed, the next reply must have a body."""
    last = noted('"v"')
    last.forget()
    assert last.condition() is None


class Tagged:
    """Sends a list with an ETag, honestly or not."""

    def __init__(self, server: FaultServer, *, is_constant: bool = False) -> None:
        self.server, self.is_constant = server, is_constant
        self.sent = 0
        server.script(LIST, always=self)

    async def __call__(self, exchange: Exchange) -> None:
        jobs = list(self.server.jobs.values())
        body = json.dumps(jobs).encode()
        etag = 'W/"same"' if self.is_constant else f'W/"{len(body)}-{jobs[0]["status"]}"'
        is_known = exchange.request.headers.get("if-none-match") == etag
        self.sent += not is_known
        await exchange.send(reply(304 if is_known else 200, b"" if is_known else body, ETag=etag))


async def until(monitor: Any, requests: int) -> None:
    """Let a monitor send so many more requests."""
    enough = monitor.stats.requests + requests
    while monitor.stats.requests < enough:  # noqa: ASYNC110 - figures come without an event
        await anyio.sleep(0.002)


@pytest.mark.parametrize("is_constant", [False, True])
async def test_lists_are_sent_when_they_change(server: FaultServer, client: Client, is_constant: bool) -> None:
    """A list is sent when it changes and every 20th time; one that changes under its old ETag is seen by then."""
    for number in range(3):
        server.add_job(f"j{number}", "running")
    platform = Tagged(server, is_constant=is_constant)
    async with client.monitor([client.job(job_id, "b1") for job_id in server.jobs]) as monitor:
        await until(monitor, 50)
        assert platform.sent <= 5
        assert monitor.stats.polls >= 3 * 49
        for document in server.jobs.values():
            document["status"] = "completed"
        with anyio.fail_after(10):
            assert len([event async for event in monitor if isinstance(event, Finished)]) == 3
    assert platform.sent <= 20


async def test_a_304_that_nobody_asked_for_is_a_failed_poll(server: FaultServer, client: Client) -> None:
    """A 304 to a plain request has no document: the poll failed, and the list is asked for again."""

    async def not_modified(exchange: Exchange) -> None:
        await exchange.send(reply(304, b""))

    for number in range(2):
        server.add_job(f"j{number}", "completed")
    server.script(LIST, not_modified)
    async with client.monitor([client.job(job_id, "b1") for job_id in server.jobs]) as monitor:
        events = [event async for event in monitor]
    failed = [event.error for event in events if isinstance(event, PollFailed)]
    assert all(isinstance(error, InvalidResponseError) for error in failed)
    assert (monitor.stats.failed_polls, monitor.stats.finished) == (1, 2)


async def test_a_single_job_is_asked_for_conditionally(server: FaultServer, client: Client) -> None:
    """A job without a list is polled with its document's ETag."""

    async def tagged(exchange: Exchange) -> None:
        status = server.jobs["j"]["status"]
        is_known = exchange.request.headers.get("if-none-match") == f'"{status}"'
        body = b"" if is_known else json.dumps({"status": status}).encode()
        await exchange.send(reply(304 if is_known else 200, body, ETag=f'"{status}"'))

    server.add_job("j", "running")
    server.script("jobs/j", always=tagged)
    async with client.monitor(["j"]) as monitor:
        await until(monitor, 10)
        server.jobs["j"]["status"] = "completed"
        (event,) = [event async for event in monitor]
    assert isinstance(event, Finished)
    asked = [request.headers.get("if-none-match") for request in server.requests]
    assert asked[:2] == [None, '"running"']


async def test_a_watch_asks_conditionally(server: FaultServer, client: Client) -> None:
    """A watch names the last ETag, and a 304 is a poll that changed nothing: with `every_poll` it is yielded."""
    seen: list[tuple[str, Any]] = []

    async def tagged(exchange: Exchange) -> None:
        status = server.jobs["j"]["status"]
        is_known = exchange.request.headers.get("if-none-match") == f'W/"{status}"'
        body = b"" if is_known else json.dumps({"status": status}).encode()
        await exchange.send(reply(304 if is_known else 200, body, ETag=f'W/"{status}"'))

    server.add_job("j", "running")
    server.script("jobs/j", always=tagged)
    async for snapshot in client.job("j").watch(every_poll=True, timeout=30):
        seen.append((snapshot.status, snapshot.polled_at))
        if len(seen) == 4:
            server.jobs["j"]["status"] = "completed"
    assert [status for status, _ in seen] == ["running"] * 4 + ["completed"]
    assert len({polled_at for _, polled_at in seen}) == 5
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, *['W/"running"'] * 4]


def listing(server: FaultServer, *, is_reversed: bool = False) -> bytes:
    """Write the list, with the keys of its objects in either order."""
    jobs = [dict(reversed(job.items())) if is_reversed else job for job in server.jobs.values()]
    return json.dumps(jobs).encode()


async def finished(monitor: Any, server: FaultServer) -> int:
    """End all jobs, and count the ends that are reported."""
    for document in server.jobs.values():
        document["status"] = "completed"
    with anyio.fail_after(10):
        events = [event async for event in monitor]
    assert all(isinstance(event, Finished | PollFailed) for event in events)
    return sum(isinstance(event, Finished) for event in events)


@pytest.mark.parametrize("etags", [[f'W/"{number}"' for number in range(999)], ["v1", '"', "*", '"\xe9"', ""] * 200])
async def test_etags_that_are_of_no_use(server: FaultServer, client: Client, etags: list[str]) -> None:
    """With an ETag that is another each time, or none at all, lists come whole and are no news."""
    names = iter(etags)

    async def tagged(exchange: Exchange) -> None:
        await exchange.send(reply(200, listing(server), ETag=next(names)))

    for number in range(3):
        server.add_job(f"j{number}", "running")
    server.script(LIST, always=tagged)
    async with client.monitor([client.job(job_id, "b1") for job_id in server.jobs]) as monitor:
        await until(monitor, 20)
        assert await finished(monitor, server) == 3


async def test_lists_that_differ_in_the_order_of_keys(server: FaultServer, client: Client) -> None:
    """Other bytes that say the same are read, and are no news."""
    orders = itertools.cycle([False, True])

    async def shuffled(exchange: Exchange) -> None:
        await exchange.send(reply(200, listing(server, is_reversed=next(orders))))

    for number in range(3):
        server.add_job(f"j{number}", "running")
    server.script(LIST, always=shuffled)
    async with client.monitor([client.job(job_id, "b1") for job_id in server.jobs]) as monitor:
        await until(monitor, 20)
        assert monitor.stats.polls >= 3 * 19
        assert await finished(monitor, server) == 3


@pytest.mark.parametrize("max_document", [8 * 2**20, 64 * 2**20])
async def test_a_list_of_30_megabytes(server: FaultServer, max_document: int) -> None:
    """A list that is too large, or much larger than the documents of the watched jobs, is asked for once."""
    for number in range(2):
        server.add_job(f"j{number}", "running")
    padding = b", ".join([b'{"jobId": "other", "status": "completed", "note": "%b"}' % (b"x" * 960)] * 30_000)

    async def huge(exchange: Exchange) -> None:
        await exchange.send(reply(200, b"[" + padding + b", " + listing(server)[1:]))

    server.script(LIST, always=huge)
    async with (
        Client("key", base_url=server.base_url, poll=QUICK, trust_env=False, max_document=max_document) as client,
        client.monitor([client.job(job_id, "b1") for job_id in server.jobs]) as monitor,
    ):
        await until(monitor, 10)
        assert monitor.stats.list_requests == 1
        assert await finished(monitor, server) == 2
