"""Results on their way to disk: F04 to F08, F15, F16, F18 to F21, F28."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from aiobench import (
    APIConnectionError,
    APITimeoutError,
    Client,
    ConfigurationError,
    DownloadError,
    IntegrityError,
    NotFoundError,
    RateLimitError,
    ResultExpiredError,
    ResultsNotReadyError,
    ResultTooLargeError,
    ServerError,
    UnsafeURLError,
)
from faults import leaks
from faults.clock import FastClock
from faults.everywhere import EVERYWHERE
from faults.proxy import Proxy
from faults.results import FILE, download, only, part
from faults.secrets import SIGNATURE, SIGNED, raises
from faults.server import Answer, Exchange, FaultServer, answer, close, drip, endless, raw, reply, reset

pytestmark = pytest.mark.anyio

EXPIRED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


@EVERYWHERE
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_cut_download_is_resumed(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path, how: str
) -> None:
    """F04: a download that is cut, again and again, goes on where it was, by `Range` and `If-Range`."""
    server.add_results("j", data, query=SIGNED)
    server.script(FILE, part(1_200_000, how=how), part(1, how=how), part(700_000, how=how), close, reset)
    path = await download(new_client(max_retries=5), target)
    assert path == target
    only(target, data)
    ranges = [each.headers.get("range") for each in server.sent_to(FILE)]
    assert ranges[0] is None
    assert all(each is not None for each in ranges[1:])
    assert all(each.headers["if-range"] == '"v1"' for each in server.sent_to(FILE)[1:])


@EVERYWHERE
async def test_a_download_that_is_always_cut(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F04: when resuming does not help, the connection's error is reported; no file and no part of one is left."""
    server.add_results("j", data, query=SIGNED)
    server.script(FILE, part(1000), always=reset)
    with raises(APIConnectionError) as caught:
        await download(new_client(max_retries=2), target)
    assert caught.value.attempts == len(server.sent_to(FILE)) == 3
    only(target, None)


@EVERYWHERE
async def test_attempts_that_start_over_are_counted(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F04: bytes that come again, for nothing can be resumed, are no progress: the attempts end."""
    server.add_results("j", data)
    cut = raw(reply(200, data[:1_500_000], length=len(data)))
    server.script(FILE, *[cut, raw(reply(200, b"", length=len(data)))] * 10, always=cut)
    with anyio.fail_after(20), raises(APIConnectionError) as caught:
        await download(new_client(max_retries=3), target)
    assert caught.value.attempts == len(server.sent_to(FILE)) == 4
    only(target, None)


@EVERYWHERE
async def test_a_length_that_is_wrong(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F04: less than the length that was promised is no file: an error, and nothing at the path."""
    server.add_results("j", data)
    server.script(FILE, always=answer(200, data, length=len(data) + 5, ETag='W/"weak"'))
    with anyio.fail_after(20), raises(APIConnectionError):
        server.script(FILE, always=raw(reply(200, data, length=len(data) + 5)))
        await download(new_client(max_retries=1), target)
    only(target, None)


@EVERYWHERE
@pytest.mark.parametrize(
    ("body", "is_fine"),
    [(b"a,b\n1,2\n", True), (b"a,b\r\n1,2\r\n", True), (b"", False), (b"a,b\n1,", False)],
    ids=["lines", "lines of Windows", "nothing", "within a line"],
)
async def test_results_of_unknown_length(
    server: FaultServer, new_client: Callable[..., Client], target: Path, *, body: bytes, is_fine: bool
) -> None:
    """F04: a body that ends with its connection may be cut: one that ends within a line is refused."""
    server.add_results("j", b"")
    server.script(FILE, always=raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n" + body))
    with nullcontext() if is_fine else raises(IntegrityError, match="within a line: it may be cut"):
        await download(new_client(max_retries=1), target)
    only(target, body if is_fine else None)
    assert len(server.sent_to(FILE)) == (1 if is_fine else 2)


@EVERYWHERE
@pytest.mark.parametrize("whole", [True, False])
async def test_results_that_are_compressed_unasked(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path, *, whole: bool
) -> None:
    """F05: results are asked for as `identity`; gzip that comes all the same is decoded, and its end is checked."""
    server.add_results("j", data)
    packed = gzip.compress(data, 1)
    body = packed if whole else packed[:-9]
    server.script(FILE, always=answer(200, body, Content_Encoding="gzip", ETag='"v1"'))
    client = new_client(max_retries=1)
    if whole:
        await download(client, target)
        only(target, data)
    else:
        with raises(IntegrityError):
            await download(client, target)
        only(target, None)
    assert {each.headers["accept-encoding"] for each in server.sent_to(FILE)} == {"identity"}
    assert all("range" not in each.headers for each in server.sent_to(FILE))


@EVERYWHERE
@pytest.mark.parametrize("kind", ["gzip bomb", "endless", "length"])
async def test_max_bytes(server: FaultServer, new_client: Callable[..., Client], target: Path, kind: str) -> None:
    """F06: a file over `max_bytes` is given up: `ResultTooLargeError`, memory bounded, nothing left."""
    answers: dict[str, Answer] = {
        "gzip bomb": answer(200, gzip.compress(b"\0" * 2**26), Content_Encoding="gzip"),
        "endless": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a,b\n" * 16384),
        "length": answer(200, b"a" * 100, length=10**12),
    }
    server.add_results("j", b"")
    client = new_client()
    await client.job("j").check_status()
    server.script(FILE, always=answers[kind])
    tracemalloc.start()
    try:
        with raises(ResultTooLargeError):
            await download(client, target, max_bytes=3 * 2**20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= (3 + 1) * 2**20
    only(target, None)
    assert await leaks.settle(lambda: leaks.sockets_to(server.port), 1) == 1  # that of the job's document


@EVERYWHERE
async def test_f34_results_that_decode_to_nothing(
    server: FaultServer, new_client: Callable[..., Client], target: Path
) -> None:
    """F34: compressed bytes count as they arrive: empty blocks without end are given up soon after `max_bytes`."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10]
    server.add_results("j", b"")
    server.script(FILE, always=endless(head, b"\x00\x00\x00\xff\xff" * 13_000))
    with raises(ResultTooLargeError):
        await download(new_client(timeout=2), target, max_bytes=2**20)
    only(target, None)
    assert len(server.sent_to(FILE)) == 1


@EVERYWHERE
async def test_a_file_of_exactly_max_bytes(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F06: `max_bytes` is what a file may have, not one less."""
    server.add_results("j", data)
    await download(new_client(), target, max_bytes=len(data))
    only(target, data)
    with raises(ResultTooLargeError):
        await download(new_client(), target, max_bytes=len(data) - 1)
    only(target, data)


@EVERYWHERE
async def test_results_that_drip(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F07: results that come slower than 1 kB/s for the timeout's length are interrupted: `APITimeoutError`."""
    server.add_results("j", data)
    server.script(FILE, always=drip(reply(200, b"", length=1000), data[:1000], every=0.02))
    with anyio.fail_after(10), raises(APITimeoutError):
        await download(new_client(timeout=0.4, max_retries=1), target)
    only(target, None)
    assert len(server.sent_to(FILE)) == 2


@pytest.mark.parametrize("status", [403, 500])
async def test_an_error_page_that_drips(
    server: FaultServer, new_client: Callable[..., Client], target: Path, status: int
) -> None:
    """F07: an error page of the result server is not waited for longer than the timeout; its status counts."""
    server.add_results("j", b"x")
    server.script(FILE, always=drip(reply(status, b"", length=1000), b"x" * 1000, every=0.05))
    with anyio.fail_after(10), raises(ResultExpiredError if status == 403 else ServerError):
        await download(new_client(timeout=0.3, max_retries=0), target)


@EVERYWHERE
async def test_an_error_page_that_is_cut(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F04: an error page whose connection breaks is an answer with that status, never a raw error."""
    server.add_results("j", b"x")
    server.script(FILE, always=raw(reply(403, EXPIRED, length=5000)))
    with raises(ResultExpiredError):
        await download(new_client(), target)


@EVERYWHERE
async def test_a_compressed_error_page_is_read(
    server: FaultServer, new_client: Callable[..., Client], target: Path
) -> None:
    """F05: an error page is decoded, so that what the server says can be read."""
    server.add_results("j", b"x")
    page = gzip.compress(b'{"message": "the bucket is being moved"}')
    server.script(FILE, always=answer(451, page, Content_Encoding="gzip", Content_Type="application/json"))
    with raises(DownloadError, match="the bucket is being moved"):
        await download(new_client(), target)


@EVERYWHERE
async def test_a_429_of_the_result_server(
    server: FaultServer, canary: FaultServer, new_client: Callable[..., Client], clock: FastClock, target: Path
) -> None:
    """F08: a 429 of the server of the results holds for all downloads from it, or is reported when too long."""
    canary.files["/results/j.csv"], canary.etags["/results/j.csv"] = b"a,b\n", '"v"'
    server.add_job("j", "completed", reportUrl=f"{canary.base_url}/results/j.csv")
    canary.script(FILE, answer(429, b"", Retry_After="20"))
    client = new_client()
    began = clock.now()
    await download(client, target)
    assert clock.now() - began >= 20
    canary.script(FILE, answer(429, b"", Retry_After="900"))
    for _ in range(2):
        with raises(RateLimitError) as caught:
            await download(client, target)
        assert (caught.value.retry_after or 0) > 890
    assert len(canary.requests) == 3  # the last one was not sent
    assert await client.job("j").check_status() == "completed"  # the platform has nothing to do with it


@EVERYWHERE
async def test_a_result_server_that_fails(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F09: 5xx of the result server are retried, then reported as what they are."""
    server.add_results("j", b"a,b\n")
    server.script(FILE, answer(503), answer(500), answer(408))
    await download(new_client(), target)
    only(target, b"a,b\n")
    server.script(FILE, always=answer(503))
    with raises(ServerError) as caught:
        await download(new_client(max_retries=2), target)
    assert caught.value.attempts == 3
    only(target, b"a,b\n")


@EVERYWHERE
async def test_the_result_server_gets_no_credentials(
    server: FaultServer, canary: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F15: another host gets neither key, nor the client's headers, nor a cookie, nor a signature in a `Referer`."""
    canary.files["/results/j.csv"], canary.etags["/results/j.csv"] = data, '"v"'
    plain = f"{canary.base_url}/results/j.csv"
    server.add_results("j", data, query=SIGNED)
    server.script(FILE, always=answer(302, b"", Location=plain, Set_Cookie="session=1"))
    client = new_client(default_headers={"X-Team": "secret-team"})
    for _ in range(2):
        await download(client, target)
    only(target, data)
    for request in canary.requests + server.sent_to(FILE):
        assert set(request.headers) <= {"host", "user-agent", "accept", "accept-encoding"}
    assert all("x-team" in each.headers for each in server.sent_to("GET /sdk"))


@EVERYWHERE
@pytest.mark.parametrize("hops", [3, 4])
async def test_redirects_are_few(
    server: FaultServer, new_client: Callable[..., Client], target: Path, hops: int
) -> None:
    """F15: three redirects are followed, four are not."""
    server.add_results("j", b"a,b\n")
    for hop in range(1, hops):
        server.script(f"GET /hop{hop}", always=answer(307, b"", Location=f"/hop{hop + 1}" + SIGNED))
    server.script(f"GET /hop{hops}", always=answer(307, b"", Location="/results/j.csv"))
    server.jobs["j"]["reportUrl"] = f"{server.base_url}/hop1" + SIGNED
    if hops == 3:
        await download(new_client(), target)
        only(target, b"a,b\n")
    else:
        with raises(UnsafeURLError, match="redirects"):
            await download(new_client(), target)
        only(target, None)


@EVERYWHERE
async def test_a_redirect_through_a_proxy(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F18: a redirect's signature stays out of what httpcore logs, which is in use for proxies."""
    server.add_results("j", b"a,b\n")
    server.script("GET /hop", always=answer(307, b"", Location="/results/j.csv" + SIGNED))
    server.jobs["j"]["reportUrl"] = f"{server.base_url}/hop"
    with Proxy() as proxy:
        client = new_client(proxy=f"http://127.0.0.1:{proxy.port}")
        await download(client, target)
        await client.aclose()
        assert SIGNED in str(proxy.heads)
    only(target, b"a,b\n")


@EVERYWHERE
async def test_an_expired_url_is_replaced_once(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F19: a 403 before the first byte: the job is fetched once more, and its new URL used."""
    server.add_results("j", data, query=SIGNED)
    server.script(FILE, answer(403, EXPIRED, Content_Type="application/xml"))
    await download(new_client(), target)
    only(target, data)
    assert len(server.sent_to("GET /sdk")) == 2
    assert len(server.sent_to(FILE)) == 2


@EVERYWHERE
async def test_a_url_that_expires_on_resume(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F19: a 403 on resume: the new URL goes on where the old one ended."""
    server.add_results("j", data, query=SIGNED)
    server.script(FILE, part(1_000_000), answer(403, EXPIRED))
    await download(new_client(), target)
    only(target, data)
    first, second, third = server.sent_to(FILE)
    assert second.headers["range"] == third.headers["range"] == "bytes=1000000-"
    assert "range" not in first.headers


@EVERYWHERE
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_an_expired_url_without_a_fresh_one(
    server: FaultServer, new_client: Callable[..., Client], target: Path, status: int
) -> None:
    """F19: when the fresh URL is refused as well: `ResultExpiredError`, and the error page is no file."""
    server.add_results("j", b"x", query=SIGNED)
    server.script(FILE, always=answer(status, EXPIRED, Content_Type="application/xml"))
    with raises(ResultExpiredError) as caught:
        await download(new_client(), target)
    assert caught.value.url == f"{server.base_url}/results/j.csv"
    assert caught.value.job_id == "j"
    assert (len(server.sent_to("GET /sdk")), len(server.sent_to(FILE))) == (2, 2)
    only(target, None)


async def test_other_refusals(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F19: a refusal that no fresh URL can help is a plain `DownloadError`."""
    server.add_results("j", b"x", query=SIGNED)
    server.script(FILE, always=answer(451, b"no"))
    with raises(DownloadError):
        await download(new_client(), target)
    assert len(server.sent_to(FILE)) == 1


@EVERYWHERE
async def test_a_server_that_repeats_the_signature(
    server: FaultServer, new_client: Callable[..., Client], target: Path
) -> None:
    """F18: a storage service that repeats the signature, in its answer or in a broken header, does not get it shown."""
    server.add_results("j", b"x", query=SIGNED)
    said = f"<SignatureProvided>{SIGNATURE}</SignatureProvided><Request>GET /x {SIGNED}</Request>".encode()
    server.script(FILE, answer(451, said))
    with raises(DownloadError):
        await download(new_client(), target)
    server.script(FILE, always=raw(f"HTTP/1.1 302 Found\r\nLocation : http://h/x{SIGNED}\r\n\r\n".encode()))
    with raises(APIConnectionError):
        await download(new_client(max_retries=0), target)
    only(target, None)


CHANGES = [
    "honest",
    "ignores If-Range",
    "other total",
    "other start",
    "no range named",
    "weak",
    "416",
    "no etag",
    "unasked",
]


@EVERYWHERE
@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_changes_meanwhile(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path, change: str
) -> None:
    """F20: two versions of a file are never mixed: without the same strong `ETag` the download starts over."""
    server.add_results("j", data)
    path = "/results/j.csv"
    new = bytes(255 - byte for byte in data[:2_000_000])

    async def then_change(exchange: Exchange) -> None:
        if change in {"weak", "no etag", "unasked"}:
            server.etags[path] = "" if change == "no etag" else 'W/"v1"'
        await part(1_000_000)(exchange)
        server.files[path], server.etags[path] = new, 'W/"v1"' if change in {"weak", "unasked"} else '"v2"'

    async def lie(exchange: Exchange) -> None:
        headers = exchange.request.headers
        start = int(headers.get("range", "bytes=0-")[6:-1])
        total = len(new)
        if change == "unasked" and exchange.request.number == 2:
            span = f"bytes 1000000-{len(data) - 1}/{len(data)}"
            await answer(206, data[1_000_000:], Content_Range=span)(exchange)
        elif not start or change in {"honest", "weak", "no etag"}:
            await server.behave(exchange)
        elif change == "416":
            await answer(416, b"", Content_Range=f"bytes */{total}")(exchange)
        else:
            span, etag = f"bytes {start}-{total - 1}/{total}", '"v1"'
            if change == "ignores If-Range":
                etag, span = '"v2"', f"bytes {start}-{len(data) - 1}/{len(data)}"
            elif change == "other start":
                span = f"bytes {start - 1}-{len(data) - 1}/{len(data)}"
            headers = {} if change == "no range named" else {"Content_Range": span}
            await answer(206, new[start:], ETag=etag, **headers)(exchange)

    server.script(FILE, then_change, always=lie)
    await download(new_client(), target)
    only(target, new)
    if change in {"weak", "no etag", "unasked"}:
        assert all("range" not in each.headers for each in server.sent_to(FILE))


@EVERYWHERE
async def test_a_rest_that_is_not_all_of_it(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F20: a server may answer with less of the rest than was asked for: the file is whole only at its full length."""
    server.add_results("j", data)

    async def some(exchange: Exchange) -> None:
        start = int(exchange.request.headers["range"][6:-1])
        span = f"bytes {start}-{start + 999}/{len(data)}"
        await answer(206, data[start : start + 1000], ETag='"v1"', Content_Range=span)(exchange)

    server.script(FILE, part(1_000_000), some, some)
    await download(new_client(), target)
    only(target, data)
    assert len(server.sent_to(FILE)) == 4


@EVERYWHERE
async def test_a_part_that_was_not_asked_for(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F20: a 206 to a request without a range is not taken for the file."""
    server.add_results("j", data)
    server.script(FILE, always=answer(206, data[:100], Content_Range=f"bytes 0-99/{len(data)}", ETag='"v1"'))
    with raises(IntegrityError):
        await download(new_client(max_retries=1), target)
    only(target, None)


@pytest.mark.parametrize("status", [202, 204])
async def test_a_success_without_a_file(
    server: FaultServer, new_client: Callable[..., Client], target: Path, status: int
) -> None:
    """F04: "accepted" and "no content" are no file."""
    server.add_results("j", b"x")
    server.script(FILE, always=raw(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()))
    with raises(IntegrityError):
        await download(new_client(max_retries=1), target)
    only(target, None)


async def test_a_web_page_is_no_file(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F12: a web page with status 200 is not saved as the results."""
    server.add_results("j", b"x")
    server.script(FILE, always=answer(200, b"<html>", Content_Type="Text/HTML; charset=utf-8"))
    with raises(IntegrityError):
        await download(new_client(), target)
    only(target, None)


@EVERYWHERE
async def test_bytes_are_saved_as_they_are(
    server: FaultServer, new_client: Callable[..., Client], target: Path
) -> None:
    """F28: cells that begin with `=`, `+`, `@`, odd line ends and a byte order mark are saved byte for byte."""
    data = b'\xef\xbb\xbfa,b\r\n=cmd|"/c calc"!A1,+1\n@x,-2\r"=1+1",\x00\xff\n'
    server.add_results("j", data)
    await download(new_client(), target)
    only(target, data)


@EVERYWHERE
async def test_an_empty_file(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F29: results of no bytes at all are saved as such; only reading them as a CSV fails."""
    server.add_results("j", b"")
    await download(new_client(), target)
    only(target, b"")


async def test_progress(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path, clock: FastClock
) -> None:
    """F04: progress never falls while a download is resumed, is reported at most ten times a second, and at its end."""
    server.add_results("j", data)
    server.script(FILE, part(1_200_000), part(800_000))
    reported: list[tuple[float, int, int | None]] = []
    client = new_client()
    await download(client, target, progress=lambda done, total: reported.append((clock.now(), done, total)))
    *before, last = reported
    assert last[1:] == (len(data), len(data))
    assert [done for _, done, _ in reported] == sorted(done for _, done, _ in reported)
    assert all(later[0] - earlier[0] >= 0.1 for earlier, later in pairwise(before))


async def test_progress_that_raises(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F21: an error of the user's own progress function ends the download, as it is, and leaves nothing."""
    server.add_results("j", data)

    def fail(done: int, total: int | None) -> None:
        raise ZeroDivisionError

    client = new_client()
    with pytest.raises(ZeroDivisionError):
        await download(client, target, progress=fail)
    only(target, None)
    await client.aclose()
    assert await leaks.settle(lambda: leaks.sockets_to(server.port), 0) == 0


async def test_progress_that_raises_an_error_of_ours(
    server: FaultServer, new_client: Callable[..., Client], target: Path
) -> None:
    """F19: an error that the user's progress function raises is theirs, even if a server could have said the same."""
    server.add_results("j", b"a,b\n")
    theirs = NotFoundError("theirs", status_code=404)

    def fail(done: int, total: int | None) -> None:
        raise theirs

    with pytest.raises(NotFoundError) as caught:
        await download(new_client(), target, progress=fail)
    assert caught.value is theirs
    assert len(server.sent_to(FILE)) == 1
    only(target, None)


async def test_not_ready(server: FaultServer, new_client: Callable[..., Client], target: Path) -> None:
    """F21: results that are not there yet are reported as such, before a file is touched."""
    target.write_bytes(b"old")
    for url in (None, "", 3):
        server.add_job("j", "in_progress", reportUrl=url)
        with raises(ResultsNotReadyError):
            await download(new_client(), target)
    only(target, b"old")


@pytest.mark.parametrize("value", [-1, 1.5, True, "1", None])
async def test_max_bytes_that_is_none(new_client: Callable[..., Client], target: Path, value: object) -> None:
    """F06: `max_bytes` must be a number of bytes."""
    with raises(ConfigurationError):
        await download(new_client(), target, max_bytes=value)
