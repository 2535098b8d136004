"""Replies of the platform that are cut, wrong, slow, too large or refusals: F04 to F09, F11, F12, F14, F18, F27."""

from __future__ import annotations

import contextlib
import gc
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import unquote

import anyio
import anyio.lowlevel
import pytest

from aiobench import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    Client,
    ConfigurationError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from faults.clock import FastClock
from faults.everywhere import EVERYWHERE
from faults.proxy import Proxy
from faults.secrets import KEY, SIGNED, raises
from faults.server import Answer, Exchange, FaultServer, answer, close, drip, endless, raw, reply, reset

pytestmark = pytest.mark.anyio

JOB = {"jobId": "j", "status": "completed", "benchmark": {"id": "b1"}, "note": "x" * 5000}
BODY = json.dumps(JOB).encode()
WHOLE = reply(200, BODY)
HEAD = len(WHOLE) - len(BODY)


def packed(data: bytes = BODY) -> bytes:
    """Compress to gzip."""
    return gzip.compress(data, mtime=0)


CUTS: dict[str, Answer] = {
    "nothing": close,
    "reset": reset,
    "within the status line": raw(WHOLE[:9]),
    "within the headers": raw(WHOLE[: HEAD - 9]),
    "after the headers": raw(WHOLE[:HEAD]),
    "within the body": raw(WHOLE[:2000]),
    "reset within the body": raw(WHOLE[:2000], then="reset"),
    "one byte short": raw(WHOLE[:-1]),
    "within a chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + BODY[:700]),
    "before the last chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{}  \r\n"),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n{}   "),
}


@EVERYWHERE
@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_reply_is_asked_for_again(server: FaultServer, new_client: Callable[..., Client], cut: str) -> None:
    """F04: a GET whose connection breaks at any point is retried; when that does not help, `APIConnectionError`."""
    server.add_job("j", "completed")
    client = new_client()
    server.script("GET /sdk", CUTS[cut])
    assert await client.job("j").check_status() == "completed"
    assert len(server.requests) == 2

    server.script("GET /sdk", always=CUTS[cut])
    with raises(APIConnectionError) as caught:
        await client.with_options(max_retries=2).job("j").check_status()
    assert caught.value.attempts == 3
    assert caught.value.__cause__ is not None
    assert "lent=0" in repr(client._context.platform.session._api)


@EVERYWHERE
async def test_a_refused_connection(new_client: Callable[..., Client], server: FaultServer) -> None:
    """F04: where nobody listens, `APIConnectionError`, after `max_retries`, with the reason of the operating system."""
    with FaultServer() as gone:
        url = gone.base_url
    with raises(APIConnectionError) as caught:
        await new_client(base_url=url, max_retries=1).job("j").check_status()
    assert caught.value.attempts == 2
    assert not caught.value.maybe_sent


async def test_an_unknown_host(new_client: Callable[..., Client]) -> None:
    """F04: a name that does not resolve is reported as such."""
    client = new_client(base_url="https://nowhere.invalid", max_retries=0)
    with raises(APIConnectionError, match="nowhere.invalid") as caught:
        await client.job("j").check_status()
    assert not caught.value.maybe_sent


@EVERYWHERE
async def test_truncated_gzip_is_not_taken_for_a_document(
    server: FaultServer, new_client: Callable[..., Client]
) -> None:
    """F05: a gzip stream without its end is refused, although its length is right and all of its text is there."""
    server.script("GET /sdk", always=answer(200, packed()[:-8], Content_Encoding="gzip"))
    with raises(InvalidResponseError, match="is cut"):
        await new_client(max_retries=1).job("j").check_status()
    server.script("GET /sdk", always=answer(200, packed(), Content_Encoding="gzip"))
    assert await new_client().job("j").check_status() == "completed"


@pytest.mark.parametrize(
    ("anyio_backend", "transport", "kind"),
    [
        *[
            ("asyncio", "httpx", kind)
            for kind in ("gzip bomb", "endless body", "endless gzip", "endless chunks", "large length")
        ],
        *[("trio", "httpx", kind) for kind in ("gzip bomb", "endless body")],
        *[("asyncio", "aiohttp", kind) for kind in ("gzip bomb", "endless body")],
    ],
)
async def test_memory_is_bounded(server: FaultServer, new_client: Callable[..., Client], kind: str) -> None:
    """F06: no reply takes more memory than its 8 MiB and one more: `InvalidResponseError`."""
    zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    megabyte = squeezed.compress(b" " * 2**20) + squeezed.flush(zlib.Z_FULL_FLUSH)
    answers: dict[str, Answer] = {
        "gzip bomb": answer(200, packed(b" " * 2**27), Content_Encoding="gzip"),
        "endless body": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"[" * 65536),
        "endless gzip": endless(zipped + b"\r\n" + megabyte, squeezed.compress(b"\0" * 2**20) + squeezed.flush(3)),
        "endless chunks": endless(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"[" * 65536 + b"\r\n"
        ),
        "large length": endless(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", b"[" * 65536),
    }
    server.add_job("warm")
    client = new_client(max_retries=0)
    await client.job("warm").check_status()
    server.script("GET /sdk", always=answers[kind])
    tracemalloc.start()
    try:
        with raises(InvalidResponseError) as caught:
            await client.job("j").check_status()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.too_large
    assert peak <= (8 + 1 + 0.25) * 2**20  # a quarter for the fault server, which is in this process
    assert "lent=0" in repr(client._context.platform.session._api)


@EVERYWHERE
@pytest.mark.parametrize("is_direct", [True, False], ids=["directly", "through a proxy"])
async def test_a_reply_that_is_given_up_leaves_nothing(
    server: FaultServer, new_client: Callable[..., Client], is_direct: bool
) -> None:
    """F06: giving up a body half read leaves no generator of it to the garbage collector, of which trio complains."""
    server.script("GET /sdk", always=endless(b"HTTP/1.1 200 OK\r\n\r\n", b"[" * 65536))
    with Proxy() as proxy:
        client = new_client(max_retries=0, proxy=None if is_direct else f"http://127.0.0.1:{proxy.port}")
        for _ in range(2):
            with contextlib.suppress(InvalidResponseError):
                await client.job("j").check_status()
            gc.collect()
        assert len(server.requests) == 2
        await client.aclose()


@EVERYWHERE
@pytest.mark.parametrize("where", ["status line", "headers", "body", "nothing"])
async def test_a_drip_hits_the_deadline(server: FaultServer, new_client: Callable[..., Client], where: str) -> None:
    """F07: bytes that keep coming do not put off the deadline of an attempt: `APITimeoutError` in time."""
    parts: dict[str, tuple[bytes, bytes]] = {
        "status line": (b"", WHOLE),
        "headers": (b"HTTP/1.1 200 OK\r\n", WHOLE[17:]),
        "body": (WHOLE[:HEAD], BODY),
        "nothing": (b"", b""),
    }
    head, rest = parts[where]
    server.script("GET /sdk", always=drip(head, rest, every=0.05) if where != "nothing" else raw(b"", then="hold"))
    with anyio.fail_after(5), raises(APITimeoutError):
        await new_client(timeout=0.3, max_retries=0).job("j").check_status()


@EVERYWHERE
async def test_a_pause_is_for_everybody(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock
) -> None:
    """F08: after one 429 no call of the client sends a request before its `Retry-After` is over."""
    for each in range(5):
        server.add_job(f"j{each}")
    client = new_client()
    server.script("GET /sdk", answer(429, {"message": "slow down"}, Retry_After="30"))
    times: list[float] = []
    began = clock.now()
    assert await client.job("j0").check_status() == "in_progress"
    times.append(clock.now())
    server.script("GET /sdk", answer(429, {"message": "slow down"}, Retry_After="30"))
    with raises(RateLimitError):
        await client.with_options(max_retries=0).job("j0").check_status()
    second = clock.now()
    async with anyio.create_task_group() as group:

        async def ask(job_id: str) -> None:
            await client.job(job_id).check_status()
            times.append(clock.now())

        for each in range(5):
            group.start_soon(ask, f"j{each}")
    assert times[0] >= began + 30
    assert min(times[1:]) >= second + 30 - 0.001


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_long_retry_after_ends_a_single_call(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock, form: str
) -> None:
    """F08: a call that must wait longer than `max_retry_after` raises at once, and so does the next one, unsent."""
    value = "600" if form == "seconds" else formatdate(1_000_000_600, usegmt=True)
    server.script("GET /sdk", always=answer(429, b"", Retry_After=value, Date=formatdate(1_000_000_000, usegmt=True)))
    client = new_client()
    with raises(RateLimitError) as caught:
        await client.job("j").check_status()
    assert (caught.value.retry_after, caught.value.attempts) == (600, 1)
    with raises(RateLimitError) as caught:
        await client.job("j2").check_status()
    assert 590 <= (caught.value.retry_after or 0) <= 600
    assert caught.value.attempts == 0
    assert len(server.requests) == 1
    assert clock.slept == []


@pytest.mark.parametrize(
    "value",
    [
        "inf",
        "-1",
        "nan",
        "1e9",
        "0x10",
        "",
        "soon",
        "Wed, 21 Oct 100000 07:28:00 GMT",
        "-99999999999999999999",
        "9" * 400,
    ],
)
async def test_hostile_retry_after_is_ignored(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock, value: str
) -> None:
    """F08: a `Retry-After` that makes no sense counts as none: a short pause, and the call succeeds."""
    server.add_job("j")
    server.script("GET /sdk", answer(429, b"", Retry_After=value))
    assert await new_client().job("j").check_status() == "in_progress"
    assert sum(clock.slept) <= 3


async def test_a_503_may_ask_for_time_too(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock
) -> None:
    """F08: `Retry-After` of a 503 is honoured by the call that received it."""
    server.add_job("j")
    server.script("GET /sdk", answer(503, b"", Retry_After="20"))
    assert await new_client().job("j").check_status() == "in_progress"
    assert sum(clock.slept) >= 20


@EVERYWHERE
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 529])
async def test_a_burst_of_errors_is_ridden_out(
    server: FaultServer, new_client: Callable[..., Client], clock: FastClock, status: int
) -> None:
    """F09: 5xx and 408 are retried with full jitter, `max_retries` times, and then reported."""
    server.add_job("j")
    server.script("GET /sdk", *[answer(status, b"<html>no</html>")] * 4)
    assert await new_client().job("j").check_status() == "in_progress"
    assert [each <= bound for each, bound in zip(clock.slept, [0.5, 1, 2, 4], strict=True)] == [True] * 4
    server.script("GET /sdk", always=answer(status, b"<html>no</html>"))
    with raises(APIStatusError, exactly=False) as caught:
        await new_client().job("j").check_status()
    assert (caught.value.status_code, caught.value.attempts) == (status, 5)


async def test_an_outage_is_not_multiplied(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F09: when all requests fail at once, the budget stops the retries: 50 that are tolerated and 10 for a second."""
    server.script("GET /sdk", always=answer(500, b""))
    client = new_client()
    session = client._context.platform.session
    session.now = lambda: 0.0  # all within one second
    session.sleep = lambda _: anyio.lowlevel.checkpoint()
    calls = 300
    async with anyio.create_task_group() as group:

        async def ask(number: int) -> None:
            with raises(ServerError):
                await client.job(f"j{number}").check_status()

        for number in range(calls):
            group.start_soon(ask, number)
    assert calls + 50 <= len(server.requests) <= calls + 50 + 10 + 25  # 25 may be under way when the budget is used up


async def test_the_budget_leaves_ordinary_failures_alone(
    server: FaultServer, new_client: Callable[..., Client]
) -> None:
    """F09: while at most half of the requests fail, every call that a retry can save is saved."""

    async def every_second(exchange: Exchange) -> None:
        await (answer(500) if exchange.request.number % 2 else server.behave)(exchange)

    server.script("GET /sdk", always=every_second)
    client = new_client()
    for each in range(200):
        server.add_job("j", f"s{each}")
        assert await client.job("j").check_status() == f"s{each}"


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError), (404, NotFoundError)]
)
async def test_refusals_are_told_at_once(
    server: FaultServer, new_client: Callable[..., Client], status: int, kind: type[APIError]
) -> None:
    """F11: 401, 403 and 404 end a call and a watch at once, without a retry."""
    server.script("GET /sdk", always=answer(status, {"message": f"no {KEY}"}, X_Request_Id="r-1"))
    client = new_client()
    with raises(kind) as caught:
        await client.job("j").check_status()
    assert caught.value.request_id == "r-1"
    with raises(kind):
        await client.job("j").wait()
    assert len(server.requests) == 2


MALFORMED: dict[str, bytes] = {
    "html": b"<!DOCTYPE html><title>Sign in</title>",
    "empty": b"",
    "cut": BODY[:-20],
    "NaN": b'{"status": "completed", "x": NaN}',
    "deep": b'{"status": "completed", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "not UTF-8": b'{"status": "completed", "x": "\xff\xfe"}',
    "no object": b"[1, 2]",
    "no status": b'{"jobId": "j"}',
    "status of a wrong type": b'{"status": 3}',
    "the key": json.dumps({"echo": KEY, "url": "https://x.example/r.csv" + SIGNED}).encode(),
}


@EVERYWHERE
@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_malformed_reply_is_asked_for_again(
    server: FaultServer, new_client: Callable[..., Client], kind: str
) -> None:
    """F12: a 200 that is not the document is retried like a 5xx, and then `InvalidResponseError`."""
    server.add_job("j", "completed")
    client = new_client()
    server.script("GET /sdk", answer(200, MALFORMED[kind]))
    assert (await client.job("j").fetch()).status == "completed"
    assert len(server.requests) == 2
    server.script("GET /sdk", always=answer(200, MALFORMED[kind]))
    with raises(InvalidResponseError) as caught:
        await client.with_options(max_retries=1).job("j").fetch()
    assert caught.value.attempts == 2


async def test_a_malformed_reply_is_a_failed_poll(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F12: while watching, a reply that makes no sense does not end the watch."""
    server.add_job("j", "completed")
    server.script("GET /sdk", *[answer(200, MALFORMED[kind]) for kind in ("html", "cut", "no object", "empty")])
    snapshot = await new_client().job("j").wait()
    assert snapshot.succeeded
    assert len(server.requests) == 5


@EVERYWHERE
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_call_is_refused(
    server: FaultServer, canary: FaultServer, new_client: Callable[..., Client], status: int
) -> None:
    """F14: an API call is never redirected: `InvalidResponseError`, and the other host hears nothing."""
    where = f"{canary.base_url}/sdk/benchmarks/jobs/j{SIGNED}"
    server.script("GET /sdk", always=answer(status, {"status": "completed"}, Location=where))
    with raises(InvalidResponseError):
        await new_client(max_retries=1).job("j").check_status()
    assert canary.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1:8080",
        "http://[2001:db8::1]",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
    ],
)
async def test_no_key_over_plain_http(url: str) -> None:
    """F17: the key goes over plain http to this machine alone, unless `allow_plain_http=True` says otherwise."""
    with raises(ConfigurationError, match="plain http"):
        Client(KEY, base_url=url)
    await Client(KEY, base_url=url, allow_plain_http=True).aclose()
    for fine in (
        "http://127.0.0.1:1",
        "http://localhost",
        "http://[::1]:8080",
        "http://0.0.0.0:1",
        "https://example.com",
    ):
        await Client(KEY, base_url=fine).aclose()


@EVERYWHERE
@pytest.mark.parametrize(
    "job_id", ["a/b", "a?b=c", "..", ".", "../../start", "ü日本", "a%2Fb", "a b", "a#b", "%2e%2e", "x" * 300]
)
async def test_an_id_is_one_path_segment(server: FaultServer, new_client: Callable[..., Client], job_id: str) -> None:
    """F27: whatever is in a job id, it arrives as one path segment and never as another route."""
    server.script("GET /sdk", always=answer(200, {"status": "queued"}))
    assert await new_client().job(job_id).check_status() == "queued"
    *folders, last = server.requests[-1].target.split("/")
    assert folders == ["", "sdk", "benchmarks", "jobs"]
    assert unquote(last) == job_id
    assert not {"?", "#"} & set(last)
    assert last not in {".", ".."}


@pytest.mark.parametrize("job_id", ["", "  ", "\ud800", None, 3, "x" * 70_000])
async def test_an_id_that_is_none_is_refused(new_client: Callable[..., Client], job_id: str) -> None:
    """F27: an id that is empty or cannot be encoded is refused before anything is sent."""
    with raises(ConfigurationError):
        new_client().job(job_id)


@EVERYWHERE
async def test_a_server_that_echoes_the_key(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F18: not even a server or proxy that repeats the key in nonsense makes it appear in an error or a log."""
    echoes: list[Answer] = [
        raw(f"HTTP/1.1 200 OK\r\nAuthorization Token {KEY}\r\n\r\n".encode()),
        raw(f"Token {KEY} 200 OK\r\n\r\n".encode()),
    ]
    for echo in echoes:
        server.script("GET /sdk", always=echo)
        with raises(APIConnectionError):
            await new_client(max_retries=1).job("j").check_status()
    for status in (400, 401, 500):
        server.script("GET /sdk", always=answer(status, {"message": f"bad {KEY}: see https://x.example/{SIGNED}"}))
        with raises(APIStatusError, exactly=False):
            await new_client(max_retries=0).job("j").check_status()
