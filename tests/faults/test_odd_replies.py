"""What a reply's status, head and size mean, whatever the rest of it is, on both transports: F06, F11, F14, F34."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest

from aiobench import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    Client,
    InvalidResponseError,
    JobSnapshot,
    NotFoundError,
    PollPolicy,
    RateLimitError,
    ServerError,
)
from faults.certificates import Authority
from faults.everywhere import EVERYWHERE
from faults.secrets import KEY, SIGNED, raises
from faults.server import Answer, FaultServer, answer, endless, raw, reply, running

pytestmark = pytest.mark.anyio

JOB, START = "GET /sdk/benchmarks/jobs/j", "POST /sdk/benchmarks/b1/start"
PAGE = b"<html>" + b"please come back " * 500
BODIES: dict[str, Callable[[int], Answer]] = {
    "unknown encoding": lambda status: answer(status, b"\x1b\x03", Content_Encoding="br", Retry_After="7"),
    "no gzip": lambda status: answer(status, PAGE, Content_Encoding="gzip", Retry_After="7"),
    "cut gzip": lambda status: answer(status, gzip.compress(PAGE)[:-9], Content_Encoding="gzip", Retry_After="7"),
    "cut": lambda status: raw(reply(status, PAGE, Retry_After="7")[:-9]),
    "reset": lambda status: raw(reply(status, PAGE, Retry_After="7")[:-9], then="reset"),
    "cut chunks": lambda status: raw(
        f"HTTP/1.1 {status} X\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n".encode() + b"x" * 9
    ),
    "endless": lambda status: endless(f"HTTP/1.1 {status} X\r\nRetry-After: 7\r\n\r\n".encode(), b"x" * 65536),
    "silent": lambda status: raw(reply(status, PAGE, Retry_After="7")[:-9], then="hold"),
}
QUICK = PollPolicy(interval=0.01, max_interval=0.01)


# -- a status is never lost to its body ----------------------------------------------------------------------------


@EVERYWHERE
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("status", "expected"), [(401, AuthenticationError), (429, RateLimitError), (503, ServerError)]
)
async def test_a_status_is_never_lost_to_its_body(
    server: FaultServer, new_client: Callable[..., Client], body: str, status: int, expected: type[APIStatusError]
) -> None:
    """F11: an error page that cannot be decoded, is cut, silent or endless hides neither status nor `Retry-After`."""
    server.script(JOB, always=BODIES[body](status))
    with raises(expected) as caught:
        await new_client(max_retries=0, timeout=0.5).job("j").check_status()
    assert (caught.value.status_code, caught.value.retry_after) == (status, 7.0)


@EVERYWHERE
@pytest.mark.parametrize("body", ["unknown encoding", "cut", "endless"])
async def test_a_refusal_without_a_readable_body_ends_a_wait(
    server: FaultServer, new_client: Callable[..., Client], body: str
) -> None:
    """F11: a wait ends at its first refusal, however odd the page that comes with it."""
    server.script(JOB, always=BODIES[body](404))
    with raises(NotFoundError):
        await new_client().job("j").wait(timeout=60, poll=QUICK)
    assert len(server.sent_to(JOB)) == 1


@EVERYWHERE
@pytest.mark.parametrize("body", ["unknown encoding", "cut", "endless"])
async def test_a_start_that_is_refused_is_no_unknown_outcome(
    server: FaultServer, new_client: Callable[..., Client], body: str
) -> None:
    """F10: a refusal is the server's word that nothing was started, whatever its page."""
    server.script(START, always=BODIES[body](401))
    with raises(AuthenticationError):
        await new_client().start_job("b1")
    assert len(server.sent_to(START)) == 1


# -- heads that are long -------------------------------------------------------------------------------------------


@EVERYWHERE
@pytest.mark.parametrize(
    "head",
    [
        {"Content-Security-Policy": "default-src 'self'; " + "x" * 20_000},
        {f"X-Trace-{number}": "1" for number in range(150)},
        {"Content-Encoding": "aws-chunked"},
        {"Content-Encoding": "utf-8"},
    ],
    ids=["long", "many", "a label", "a charset"],
)
async def test_a_head_that_one_transport_reads_is_read_by_the_other(
    server: FaultServer, new_client: Callable[..., Client], head: dict[str, str]
) -> None:
    """Long headers, many headers and labels in `Content-Encoding` change nothing of what is read."""
    server.script(JOB, always=answer(200, {"jobId": "j", "status": "running"}, **head))
    assert await new_client(max_retries=0).job("j").check_status() == "running"


# -- documents that are too large ----------------------------------------------------------------------------------


SIZE = 8 * 2**20 - 200  # bytes: just within the cap
GROWING = {
    "empty lists": b'{"status":"completed","x":[' + b"[]," * (SIZE // 3) + b"[]]}",
    "numbers": b'{"status":"completed","y":"\\ud83d","x":[' + b"1," * (SIZE // 2 - 30) + b"1]}",
    "empty objects": b'{"status":"completed","x":[' + b"{}," * (SIZE // 3) + b"{}]}",
    "strings": b'{"status":"completed","x":[' + b'"ab",' * (SIZE // 5 - 9) + b'""]}',
    "jobs": b"[" + b'{"jobId":"a"},' * (SIZE // 14) + b'{"jobId":"b"}]',
}


@pytest.mark.parametrize("kind", GROWING)
async def test_f34_what_grows_when_it_is_decoded_is_refused(
    server: FaultServer, new_client: Callable[..., Client], kind: str
) -> None:
    """F34: a body within its cap that would take many times its size in memory is refused before it is decoded."""
    server.script("GET /sdk", always=answer(200, GROWING[kind]))
    client = new_client()
    tracemalloc.start()
    try:
        with raises(
            InvalidResponseError, match=r"would take more than 67108864 bytes of memory; see max_document="
        ) as caught:
            await (client.list_jobs("b1") if kind == "jobs" else client.job("j").fetch())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (caught.value.too_large, len(server.requests)) == (True, 1)
    assert peak < 24 * 2**20  # the body, what is read of it twice at most, and what the fault server sends


async def test_f34_a_long_list_of_jobs_is_read(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F34: a list as the platform writes it is read up to the cap."""
    entry = (
        '{"jobId":"%024x","status":"completed","benchmark":{"id":"65f1c0ffee65f1c0ffee0000"},"createdAt":"2026-01-01"}'
    )
    body = "[" + ",".join(entry % number for number in range(60_000)) + "]"
    server.script("GET /sdk", always=answer(200, body.encode()))
    jobs = await new_client().list_jobs("b1")
    assert (len(jobs), jobs[-1].id) == (60_000, f"{59_999:024x}")


SLOW = {
    "large": b"[" + b" " * 2**20 + b"]",
    "many values": b"[" + b"0," * 2**15 + b"0]",
    "the key": b'["' + KEY.encode() + b"\\\\" * 2**15 + b'"]',
}


@pytest.mark.parametrize("kind", SLOW)
async def test_f34_what_takes_long_is_decoded_beside_the_loop(
    server: FaultServer, new_client: Callable[..., Client], kind: str
) -> None:
    """F34: in a worker thread that is not one of the user's; what takes not long is decoded at once."""
    server.script("GET /sdk/small", always=answer(200, b"[" + b"0," * 2**13 + b"0]"))
    server.script("GET /sdk/large", always=answer(200, SLOW[kind]))
    platform = new_client()._context.platform

    async def thread_of(path: str) -> int:
        return await platform.call("GET", path, lambda _: threading.get_ident(), what="a document")

    limiter = anyio.to_thread.current_default_thread_limiter()
    for _ in range(int(limiter.total_tokens)):
        limiter.acquire_on_behalf_of_nowait(object())
    assert await thread_of("sdk/small") == threading.get_ident()
    assert await thread_of("sdk/large") != threading.get_ident()


@pytest.mark.parametrize(
    ("method", "arguments", "reads"),
    [
        ("get_scores", (), "scores_frame"),
        ("get_scores", (True, False), "score_rows"),
        ("get_scores", (False,), "score_details"),
        ("get_failure_rate", (), "failure_rates_frame"),
        ("get_failure_rate", (False,), "failure_rates"),
        ("get_all_explanations", (), "explanations"),
        ("get_localized_explanations", (True,), "localized_explanations"),
    ],
    ids=["get_scores", "rows", "details", "get_failure_rate", "rates", "explanations", "localized explanations"],
)
async def test_f34_results_of_a_large_document_are_read_beside_the_loop(
    server: FaultServer,
    new_client: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    arguments: tuple[bool, ...],
    reads: str,
) -> None:
    """F34: reading them decodes the document again."""
    threads: list[int] = []
    read = getattr(JobSnapshot, reads)

    def noted(*given: Any) -> Any:
        threads.append(threading.get_ident())
        return read(*given)

    monkeypatch.setattr(JobSnapshot, reads, noted)
    server.script(JOB, always=answer(200, {"jobId": "j", "status": "completed", "iterations": [], "x": [0] * 40_000}))
    await getattr(new_client().job("j"), method)(*arguments)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


@EVERYWHERE
async def test_a_document_over_its_cap_ends_what_waits_for_it(
    server: FaultServer, new_client: Callable[..., Client]
) -> None:
    """F06: asking again would bring the same: one request, an error that names `max_document`, which can be set."""
    server.script(JOB, always=answer(200, {"jobId": "j", "status": "completed", "note": "x" * 50_000}))
    with raises(InvalidResponseError, match="larger than 10000 bytes; see max_document="):
        await new_client(max_document=10_000).job("j").wait(timeout=60, poll=QUICK)
    assert len(server.requests) == 1
    assert (await new_client(max_document=60_000).job("j").wait()).status == "completed"


# -- what does not pass --------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_a_redirect_to_a_login_page_does_not_pass(server: FaultServer, new_client: Callable[..., Client]) -> None:
    """F14: a gateway that asks for a login ends a wait at once."""
    server.script(JOB, always=answer(302, PAGE, Location="https://login.example/?next=/sdk"))
    with raises(InvalidResponseError, match="redirected to 'https://login.example/'"):
        await new_client().job("j").wait(timeout=60, poll=QUICK)
    assert len(server.requests) == 1


@EVERYWHERE
async def test_an_unknown_authority_does_not_pass(
    new_client: Callable[..., Client], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A certificate that nothing vouches for is not asked for again; the error says which variable helps."""
    dialled: list[str] = []
    context = Authority(tmp_path_factory.mktemp("ca")).server("127.0.0.1")
    context.sni_callback = lambda *_: dialled.append("once")
    with running(tls=context) as secure:
        client = new_client(base_url=f"https://localhost:{secure.port}")
        with raises(APIConnectionError, match="set SSL_CERT_FILE or REQUESTS_CA_BUNDLE") as caught:
            await client.job("j").wait(timeout=60, poll=QUICK)
    assert (caught.value.permanent, dialled) == (True, ["once"])


def failing(error: Callable[[], Exception], sent: list[str]) -> Callable[[], httpx.MockTransport]:
    """Make a factory of transports that fail."""

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        raise error()

    return lambda: httpx.MockTransport(handle)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (lambda: AssertionError("no route was mocked"), AssertionError),
        (lambda: NotImplementedError("no sync here"), APIConnectionError),
        (lambda: TypeError("a transport's mistake"), APIConnectionError),
    ],
    ids=["a mocking library", "a wrong world", "a mistake"],
)
async def test_mistakes_are_errors_at_once(
    new_client: Callable[..., Client], error: Callable[[], Exception], expected: type[Exception]
) -> None:
    """What another attempt repeats is no outage to be waited out."""
    sent: list[str] = []
    with raises(expected):
        await new_client(transport=failing(error, sent)).job("j").wait(timeout=60, poll=QUICK)
    assert len(sent) == 1


def holding(error: Exception, **values: object) -> Exception:
    """Give an error more to hold."""
    vars(error).update(values)
    return error


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (lambda: httpx.ReadError("broken", request=httpx.Request("GET", f"http://x/{SIGNED}")), True),
        (lambda: holding(OSError("broken"), sent=[f"Token {KEY}"]), False),
        (lambda: holding(OSError("broken"), connection=threading.Lock()), False),
        (lambda: caused(OSError("broken"), holding(OSError("again"), connection=threading.Lock())), False),
        (lambda: ExceptionGroup("all failed", [holding(OSError("no route"), headers=[KEY])]), False),
    ],
    ids=["a request", "the key", "a lock", "behind another", "in a group"],
)
async def test_a_cause_goes_to_another_process_or_is_left_out(
    new_client: Callable[..., Client], error: Callable[[], Exception], *, is_kept: bool
) -> None:
    """F18: whatever a transport's errors hold, ours can be pickled with their causes, and without secrets."""
    with raises(APIConnectionError) as caught:
        await new_client(transport=failing(error, []), max_retries=0).job("j").check_status()
    assert (caught.value.__cause__ is not None) == is_kept
    assert caught.value.__context__ is None  # else it would be sent along, whatever it holds


def caused(error: Exception, cause: BaseException) -> Exception:
    """Give an error its cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        lambda: TimeoutError("slow"),
        lambda: httpx.ReadTimeout("slow"),
        lambda: caused(httpx.ReadError("broken"), TimeoutError("slow")),
        lambda: caused(RuntimeError("wrapped"), caused(OSError("again"), TimeoutError("slow"))),
        lambda: ExceptionGroup("all failed", [TimeoutError("slow"), OSError("no route")]),
        lambda: caused(httpx.ConnectError("none"), TimeoutError()),
    ],
    ids=["plain", "httpx", "cause", "two causes", "group", "asyncio"],
)
async def test_a_timeout_is_one_whatever_wraps_it(
    new_client: Callable[..., Client], error: Callable[[], Exception]
) -> None:
    """`APITimeoutError` for every attempt that failed as something took too long."""
    with raises(APITimeoutError):
        await new_client(transport=failing(error, []), max_retries=0).job("j").check_status()


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each name lead to two addresses of this machine."""

    def look(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(socket, "getaddrinfo", look)


@pytest.mark.usefixtures("two_addresses")
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_several_addresses_are_named_by_aiohttp_too(new_client: Callable[..., Client]) -> None:
    """It keeps the reason of the last address alone: the error has that, and all addresses."""
    client = new_client(base_url="http://two.localhost:9", max_retries=0, transport="aiohttp")
    with raises(
        APIConnectionError, match=r"none of 127\.0\.0\.1, 127\.0\.0\.2 answers; the last: .*(127\.0\.0\.2|refused)"
    ) as caught:
        await client.job("j").check_status()
    assert not caught.value.maybe_sent


@pytest.mark.usefixtures("two_addresses")
async def test_several_addresses_tell_their_reasons(new_client: Callable[..., Client]) -> None:
    """A host at two addresses that both refuse: the error has both, each with its reason."""
    with raises(APIConnectionError, match=r"127\.0\.0\.1.*127\.0\.0\.2") as caught:
        await new_client(base_url="http://two.localhost:9", max_retries=0).job("j").check_status()
    assert not caught.value.maybe_sent


@EVERYWHERE
async def test_after_a_failure_on_a_kept_connection_others_are_not_trusted(
    server: FaultServer, new_client: Callable[..., Client]
) -> None:
    """What silently cut one kept connection, a firewall or a suspended machine, cut all: the next attempt dials."""
    server.add_job("j")
    client = new_client(max_retries=1, timeout=0.4, max_connections=3)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(client.job("j").check_status)
    before = {each.connection for each in server.requests}
    behave, cut = server.behave, set(before)

    async def silent_if_cut(exchange: Any) -> None:
        if exchange.request.connection in cut:
            await exchange.until_client_leaves()
        else:
            await behave(exchange)

    server.script(JOB, always=silent_if_cut)
    assert await client.job("j").check_status() == "in_progress"
    assert server.requests[-1].connection not in before
