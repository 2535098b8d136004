"""Results on their way to disk: F04 to F08, F15, F16, F18 to F21, F28."""

from __future__ import annotations

import errno
import gc
import gzip
import hashlib
import logging
import os
import random
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import anyio
import psutil
import pytest

from aiobench import (
    APIConnectionError,
    APITimeoutError,
    Client,
    ConfigurationError,
    DownloadError,
    IntegrityError,
    LocalStorageError,
    NotFoundError,
    RateLimitError,
    ResultExpiredError,
    ResultsNotReadyError,
    ResultTooLargeError,
    ServerError,
    UnsafeURLError,
)
from aiobench._download import part_files
from faults import leaks
from faults.clock import FastClock
from faults.everywhere import EVERYWHERE
from faults.proxy import Proxy
from faults.secrets import SIGNATURE, SIGNED, raises
from faults.server import Answer, Exchange, FaultServer, answer, close, drip, endless, raw, reply, reset

pytestmark = pytest.mark.anyio

FILE = "GET /results"
EXPIRED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


@pytest.fixture
def data(seed: int) -> bytes:
    """Make the bytes of a results file: a few batches of them."""
    return random.Random(seed).randbytes(2_500_000)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Choose where to; the folder holds this file alone in the end, or nothing."""
    return tmp_path / "results.csv"


def only(target: Path, data: bytes | None) -> None:
    """Check that the file is whole, or not there, and that nothing lies beside it."""
    assert [path.name for path in target.parent.iterdir()] == ([] if data is None else [target.name])
    if data is not None:
        assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(data).digest()


async def download(client: Client, target: Path, **options: object) -> Path:
    """Download the results of job `j`."""
    path = await client.job("j").download_results_as_csv(target, **options)  # type: ignore[arg-type]
    assert isinstance(path, Path)
    return path


def part(size: int, *, how: str = "close") -> Answer:
    """Send the honest reply's first *size* bytes of body, then break off."""

    async def say(exchange: Exchange) -> None:
        data = exchange.server.files[exchange.request.path]
        start = int(exchange.request.headers.get("range", "bytes=0-")[6:-1])
        etag = exchange.server.etags[exchange.request.path]
        status, extra = (206, {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}) if start else (200, {})
        await exchange.send(reply(status, data[start : start + size], length=len(data) - start, ETag=etag, **extra))
        await (raw(b"", then=how)(exchange) if how == "reset" else exchange.close())

    return say


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


@EVERYWHERE
async def test_the_old_file_stays_until_the_new_one_is_whole(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F21: what is at the path is replaced by a whole file or not at all."""
    target.write_bytes(b"old")
    server.add_results("j", data)
    seen: list[bytes] = []

    def look(done: int, total: int | None) -> None:
        if done < (total or 0):
            seen.append(target.read_bytes())

    await download(new_client(), target, progress=look)
    assert set(seen) == {b"old"}
    only(target, data)
    server.script(FILE, always=part(100))
    with raises(APIConnectionError):
        await download(new_client(max_retries=1), target)
    only(target, data)


@EVERYWHERE
async def test_two_writers_of_one_path(
    server: FaultServer, new_client: Callable[..., Client], target: Path, seed: int
) -> None:
    """F21: downloads to one path at the same time do not disturb each other; one of them wins, whole."""
    rng = random.Random(seed)
    bodies = [rng.randbytes(300_000) for _ in range(8)]
    for number, body in enumerate(bodies):
        server.add_results(f"j{number}", body)
    client = new_client()
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(client.job(f"j{number}").download_results_as_csv, target)
    assert target.read_bytes() in bodies
    assert len(list(target.parent.iterdir())) == 1


def test_a_part_file_is_not_taken_from_its_writer(target: Path) -> None:
    """F21: the sweep of what killed processes left never takes a file from a writer, not even just after its birth."""
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> int:
        for _ in range(50):
            made = part_files.PartFile(target)
            made.open()
            made.write(bytes([number]) * 100)
            made.publish()
            made.discard()
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == list(range(8))
    assert len(set(target.read_bytes())) == 1
    assert [path.name for path in target.parent.iterdir()] == [target.name]


async def test_where_an_open_file_cannot_be_moved(
    server: FaultServer, client: Client, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21 on Windows: a part file is closed before it is moved, and what was left behind is told by its age."""
    monkeypatch.setattr(part_files, "IS_WINDOWS", True)
    server.add_results("j", b"a,b\n1,2\n")
    new, old = (target.with_name(f".{target.name}.{number}.aiobench-part") for number in range(2))
    new.touch()
    old.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    move = Path.replace

    def replace(self: Path, to: Path) -> Path:
        assert str(self) not in {each.path for each in psutil.Process().open_files()}
        return move(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    await download(client, target)
    assert {new, target} == {*target.parent.iterdir()}


KILLED = """
import sys, anyio
from aiobench import Client

async def main():
    async with Client("k", base_url=sys.argv[1], trust_env=False) as client:
        await client.job("j").download_results_as_csv(sys.argv[2])

anyio.run(main)
"""


@pytest.mark.posix
async def test_kill_9(server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path) -> None:
    """F21: a process killed while it downloads leaves no partial file at the path; the next download cleans up."""
    server.add_results("j", data)
    head = reply(200, b"", length=len(data), ETag='"v1"') + data[:2_000_000]
    server.script(FILE, raw(head, then="hold"))
    child = subprocess.Popen([sys.executable, "-c", KILLED, server.base_url, str(target)])  # noqa: ASYNC220
    try:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size >= 2**20 for path in target.parent.iterdir()):
            assert child.poll() is None
            assert time.monotonic() < deadline
            await anyio.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        await anyio.to_thread.run_sync(child.wait)
    assert not target.exists()
    assert len(list(target.parent.iterdir())) == 1
    (target.parent / ".other.csv.0123456789abcdef.aiobench-part").write_bytes(b"another file's")
    await download(new_client(), target)
    assert sorted(path.name for path in target.parent.iterdir()) == [
        ".other.csv.0123456789abcdef.aiobench-part",
        target.name,
    ]
    assert target.read_bytes() == data


@pytest.mark.posix
@pytest.mark.parametrize("name", ["a*[b]?.csv", "ü" * 120 + ".csv", "x" * 251 + ".csv", ".hidden", "a\nb.csv", "-rf"])
async def test_names_of_all_kinds(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, name: str
) -> None:
    """F21: a file may have any name that the file system takes, and its leftovers are found again."""
    server.add_results("j", b"a,b\n")
    target = tmp_path / name
    left = part_files.PartFile(target)
    left.open()
    assert left._file is not None
    left._file.close()  # as if its process had been killed
    await download(new_client(), target)
    only(target, b"a,b\n")


@pytest.mark.posix
async def test_a_pipe_by_the_name_of_a_part_file(server: FaultServer, client: Client, target: Path) -> None:
    """F21: what was left behind is a file; a pipe that somebody put there is not waited for, nor removed."""
    server.add_results("j", b"a,b\n1,2\n")
    pipe = target.with_name(f".{target.name}.0.aiobench-part")
    os.mkfifo(pipe)
    with anyio.fail_after(20):
        await download(client, target)
    assert {pipe, target} == {*target.parent.iterdir()}


async def test_names_are_not_kept(
    server: FaultServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: a service that downloads file after file holds no more memory for it."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # pytest keeps every record
    server.add_results("j", b"a,b\n1,2\n")
    for number in range(30):
        await download(client, tmp_path / f"before-{number}")
    of_the_server = [
        tracemalloc.Filter(inclusive=False, filename_pattern=each) for each in ("*/faults/*", "*/asyncio/*")
    ]
    held = []
    for _ in range(3):  # a leak shows each time, what is made once in a process does not
        tracemalloc.start()
        try:
            for number in range(60):
                await download(client, tmp_path / f"{tmp_path.name}-{number}")
            gc.collect()
            left = tracemalloc.take_snapshot().filter_traces(of_the_server)
        finally:
            tracemalloc.stop()
        held.append(sum(each.size for each in left.statistics("filename")))
    assert min(held) < 60 * 1_000


@pytest.mark.posix
async def test_a_power_cut(
    server: FaultServer, new_client: Callable[..., Client], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: the bytes are on the disk before the name is, and the name after that."""
    server.add_results("j", b"a,b\n")
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(self: Path, other: Path) -> Path:
        done.append("name")
        return replace(self, other)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    await download(new_client(), target)
    assert done == ["file", "name", "folder"]


@pytest.mark.posix
async def test_full_disk(server: FaultServer, new_client: Callable[..., Client], data: bytes, tmp_path: Path) -> None:
    """F21: a disk that is full is a `LocalStorageError` with the system's reason; nothing is left on it."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = await anyio.run_process(command, check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here; the injected one below stands in")
    try:
        server.add_results("j", data)
        with raises(LocalStorageError, match="No space left") as caught:
            await download(new_client(), folder / "results.csv")
        assert isinstance(caught.value, OSError)
        assert list(folder.iterdir()) == []
        assert len(server.sent_to(FILE)) == 1
    finally:
        await anyio.run_process(["umount", str(folder)])


@pytest.mark.parametrize("step", ["_open", "_write", "_publish"])
async def test_a_disk_that_says_no(
    server: FaultServer,
    new_client: Callable[..., Client],
    data: bytes,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """F21: wherever the disk says no: `LocalStorageError`, nothing left, the old file as it was."""
    target.write_bytes(b"old")
    server.add_results("j", data, query=SIGNED)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part_files.PartFile, step, fail)
    with raises(LocalStorageError, match="No space left"):
        await download(new_client(), target)
    only(target, b"old")


@pytest.mark.parametrize("where", ["a folder", "no folder", "a file as folder", "a null byte"])
async def test_places_where_no_file_can_be(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, where: str
) -> None:
    """F21: a path where no file can be written is a `LocalStorageError`."""
    server.add_results("j", b"x")
    (tmp_path / "file").write_bytes(b"")
    targets = {
        "a folder": tmp_path,
        "no folder": tmp_path / "none" / "x.csv",
        "a file as folder": tmp_path / "file" / "x",
        "a null byte": tmp_path / "a\0b",
    }
    with raises(LocalStorageError):
        await download(new_client(), targets[where])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.posix
async def test_permissions_and_links(server: FaultServer, new_client: Callable[..., Client], tmp_path: Path) -> None:
    """F21: the file gets the permissions of a new file of the user's; a link stays one, and its file is replaced."""
    server.add_results("j", b"a,b\n")
    before = os.umask(0o027)
    try:
        await download(new_client(), tmp_path / "new.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    await download(new_client(), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"a,b\n"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
async def test_a_file_system_without_permissions(
    server: FaultServer,
    new_client: Callable[..., Client],
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    """F21: one that knows no modes (a mounted bucket, exFAT) takes files, and takes them a second time."""

    def refuse(path: object, *_: object, **__: object) -> None:
        raise OSError(number, "Operation not permitted", str(path))

    monkeypatch.setattr(os, "chmod", refuse)
    for data in (b"a,b\n", b"c,d\n"):
        server.add_results("j", data)
        await download(new_client(), target)
        assert target.read_bytes() == data


@pytest.mark.parametrize(
    ("number", "is_fine"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False), (errno.ENOSPC, False)]
)
async def test_a_file_system_that_cannot_sync(
    server: FaultServer,
    new_client: Callable[..., Client],
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_fine: bool,
) -> None:
    """F21: one that knows no fsync takes files; one that fails to write what it was given is a `LocalStorageError`."""

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    server.add_results("j", b"a,b\n")
    monkeypatch.setattr(os, "fsync", refuse)
    with nullcontext() if is_fine else raises(LocalStorageError, match=os.strerror(number)):
        await download(new_client(), target)
    assert target.exists() == is_fine


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes and pipes")
async def test_what_is_at_the_path_already(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: a file that is replaced keeps its permissions, a pipe is not replaced, and the path comes back as given."""
    server.add_results("j", b"a,b\n")
    monkeypatch.chdir(tmp_path)
    private, pipe = Path("private.csv"), Path("pipe")
    private.touch(mode=0o600)
    assert await download(new_client(), private) == private
    assert (private.read_bytes(), stat.S_IMODE(private.stat().st_mode)) == (b"a,b\n", 0o600)
    os.mkfifo(pipe)
    with raises(LocalStorageError, match="pipe"):
        await download(new_client(), pipe)
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "private.csv"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("step", ["_open", "_write", "_publish"])
async def test_native_cancellation_of_a_disk_step(
    server: FaultServer,
    new_client: Callable[..., Client],
    data: bytes,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """F21: `Task.cancel()` while a thread has the file in hand: the thread's step ends first, then the file goes."""
    import asyncio
    import threading

    server.add_results("j", data)
    entered, go_on, done = threading.Event(), threading.Event(), threading.Event()
    real = getattr(part_files.PartFile, step)

    def slow(self: part_files.PartFile, *arguments: object) -> object:
        entered.set()
        go_on.wait(10)
        try:
            return real(self, *arguments)
        finally:
            done.set()

    monkeypatch.setattr(part_files.PartFile, step, slow)
    task = asyncio.create_task(download(new_client(), target))
    await asyncio.to_thread(entered.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.to_thread(done.wait, 10)
    expected = 1 if step == "_publish" else 0  # a file that was being put in its place is whole
    assert await leaks.settle(lambda: len(list(target.parent.iterdir())), expected) == expected
    if expected:
        only(target, data)


@pytest.mark.parametrize("value", [-1, 1.5, True, "1", None])
async def test_max_bytes_that_is_none(new_client: Callable[..., Client], target: Path, value: object) -> None:
    """F06: `max_bytes` must be a number of bytes."""
    with raises(ConfigurationError):
        await download(new_client(), target, max_bytes=value)
