"""One attempt at receiving a results file: redirects, resuming, caps and a least speed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
import httpx
from attrs import define, frozen

from aiobench._http.bodies import CutBodyError, UnknownEncodingError, decoder_for, raw_chunks
from aiobench._http.credentials import without_query
from aiobench._http.replies import Reply, error_of, is_retried
from aiobench._http.result_urls import UnsafeAddressError, unsafe_url
from aiobench._http.session import USER_AGENT, Session, connection_error
from aiobench.errors import (
    APIError,
    APIStatusError,
    APITimeoutError,
    ClientClosedError,
    DownloadError,
    IntegrityError,
    LocalStorageError,
    ResultTooLargeError,
    UnsafeURLError,
)

if TYPE_CHECKING:
    from aiobench._http.part_files import PartFile
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["InterruptedTransferError", "Place", "Progress", "Transfer", "on_disk"]

T = TypeVar("T")
Progress = Callable[[int, int | None], object]

BATCH = 2**20  # bytes that are written at a time
SLOWEST = 1000  # bytes a second: slower than that is no connection
MAX_REDIRECTS = 3
PROGRESS_INTERVAL = 0.1  # seconds
ERROR_BODY = 64 * 1024  # bytes of an error page that are read
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class InterruptedTransferError(Exception):
    """Raised when an attempt ended before the file did, and another may help.

    Attributes:
        error: What users are told if none does.
    """

    def __init__(self, error: APIError | DownloadError) -> None:
        super().__init__(str(error))
        self.error = error


@define
class Place:
    """How far the file is written, and which version of it that is.

    Attributes:
        done: Bytes written.
        total: Bytes in all, where the server told.
        etag: The version, if the server names it strongly; without it nothing is resumed.
    """

    done: int = 0
    total: int | None = None
    etag: str | None = None


@frozen
class Transfer:
    """What all attempts at one download have in common."""

    session: Session
    timeout: float
    rules: ResultURLRules
    job_id: str
    max_bytes: int
    progress: Progress | None

    async def run(self, url: str, part: PartFile, place: Place) -> None:
        """Receive the file, or the rest of it.

        Raises:
            InterruptedTransferError: If the attempt was cut short; *place* tells how far it came.
            APIStatusError: If the server refuses.
            DownloadError: If the file must not or cannot be had from there.
        """
        async with self._opened(url, place) as response:
            await self._take_up(response, url, part, place)
            await self._receive(response, url, part, place)
        if place.total is not None and place.done != place.total:
            raise InterruptedTransferError(self._damaged(url, f"{place.done} of {place.total} bytes arrived"))

    # -- the request ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _opened(self, url: str, place: Place) -> AsyncIterator[httpx.Response]:
        target = self.rules.checked(url, job_id=self.job_id)
        for _ in range(MAX_REDIRECTS + 1):
            request = self._request(target, place)
            async with self.session.results.borrow(target, fresh=True) as lease:
                lease.spoil()  # results come rarely and from many hosts: connections to them are not kept
                response = await self._in_time(partial(lease.send, request), str(target))
                if response.has_redirect_location:
                    target = self.rules.checked(response.headers["location"], job_id=self.job_id, before=target)
                    continue
                if response.status_code == 416 and place.done:
                    place.etag = None  # the file is another one now: from the start
                    raise InterruptedTransferError(self._damaged(url, "the file was replaced while it was read"))
                if not response.is_success:
                    await self._refuse(response)
                yield response
                return
        raise UnsafeURLError(
            f"the results of job {self.job_id} are behind more than {MAX_REDIRECTS} redirects",
            job_id=self.job_id,
            url=without_query(url),
        )

    def _request(self, target: httpx.URL, place: Place) -> httpx.Request:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        if place.done and place.etag:
            headers |= {"Range": f"bytes={place.done}-", "If-Range": place.etag}
        return httpx.Request("GET", target, headers=headers)

    async def _refuse(self, response: httpx.Response) -> None:
        body = b""
        async for chunk in raw_chunks(response):
            body += chunk
            if len(body) > ERROR_BODY:
                break
        error = error_of(Reply(f"the results of job {self.job_id}", response.status_code, response.headers, body))
        assert isinstance(error, APIStatusError)
        if is_retried(error):
            raise InterruptedTransferError(error)
        raise error

    async def _in_time(self, step: Callable[[], Awaitable[T]], url: str) -> T:
        what, origin = f"the results of job {self.job_id}", without_query(url)
        with anyio.move_on_after(self.timeout):
            try:
                return await step()
            except UnsafeAddressError as failure:
                raise unsafe_url(url, self.job_id, str(failure)) from failure
            except Exception as failure:  # whatever a transport raises: kept as the cause
                if self.session.guard.is_closed:
                    raise ClientClosedError(f"{what}: the client was closed meanwhile") from failure
                raise InterruptedTransferError(connection_error(what, origin, failure)) from failure
        raise InterruptedTransferError(APITimeoutError(f"{what}: nothing came from {origin} for {self.timeout:g} s"))

    # -- the file ------------------------------------------------------------------------------------------------

    async def _take_up(self, response: httpx.Response, url: str, part: PartFile, place: Place) -> None:
        """Find out where in the file the body begins, and how long the file is."""
        headers = response.headers
        if headers.get("content-type", "").startswith("text/html"):
            raise self._damaged(url, "the server sent a web page instead of the file")
        found = CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if response.status_code == 206:
            if not found or int(found[1]) != place.done:
                place.etag = None
                raise InterruptedTransferError(self._damaged(url, "another part of the file came than was asked for"))
            return
        if place.done:
            await on_disk(self, url, part.restart)
        encoded = headers.get("content-encoding", "identity").lower() != "identity"
        length = headers.get("content-length", "")
        etag = headers.get("etag", "")
        place.done = 0
        place.total = int(length) if length.isdecimal() and not encoded else None
        place.etag = etag if etag.startswith('"') and not encoded else None
        if place.total is not None and place.total > self.max_bytes:
            raise self._too_large(url)

    async def _receive(self, response: httpx.Response, url: str, part: PartFile, place: Place) -> None:
        try:
            decoder = decoder_for(response)
        except UnknownEncodingError as error:
            raise self._damaged(url, str(error)) from error
        chunks = raw_chunks(response)
        speed = _Speed(self.session.now(), self.timeout)
        batch: list[bytes] = []
        size = 0

        async def flush() -> None:
            nonlocal size
            await on_disk(self, url, lambda: part.write(b"".join(batch)))
            place.done += size
            batch.clear()
            size = 0

        reported = float("-inf")
        try:
            while chunk := await self._in_time(lambda: anext(chunks, b""), url):
                for piece in decoder.feed(chunk):
                    batch.append(piece)
                    size += len(piece)
                    if place.done + size > self.max_bytes:
                        raise self._too_large(url)
                    if size >= BATCH:
                        await flush()
                now = self.session.now()
                if speed.is_too_slow(len(chunk), now):
                    what = f"the results of job {self.job_id} come at less than {SLOWEST} bytes a second"
                    raise InterruptedTransferError(APITimeoutError(what))
                if self.progress is not None and now - reported >= PROGRESS_INTERVAL:
                    self.progress(place.done + size, place.total)
                    reported = now
            decoder.finish()
        except CutBodyError as error:
            raise InterruptedTransferError(self._damaged(url, str(error))) from error
        except InterruptedTransferError:
            await flush()
            raise
        await flush()
        if self.progress is not None:
            self.progress(place.done, place.total)

    def _damaged(self, url: str, why: str) -> IntegrityError:
        where = without_query(url)
        return IntegrityError(f"the results of job {self.job_id} from {where}: {why}", job_id=self.job_id, url=where)

    def _too_large(self, url: str) -> ResultTooLargeError:
        return ResultTooLargeError(
            f"the results of job {self.job_id} exceed max_bytes={self.max_bytes}",
            job_id=self.job_id,
            url=without_query(url),
        )


class _Speed:
    """Watches that bytes come at a least rate, in windows as long as the timeout."""

    def __init__(self, now: float, window: float) -> None:
        self._began, self._window, self._received = now, window, 0

    def is_too_slow(self, received: int, now: float) -> bool:
        self._received += received
        elapsed = now - self._began
        if elapsed < self._window:
            return False
        too_slow = self._received < SLOWEST * elapsed
        self._began, self._received = now, 0
        return too_slow


async def on_disk(transfer: Transfer, url: str, step: Callable[[], T]) -> T:
    """Run a blocking step with the file in a worker thread.

    Raises:
        LocalStorageError: If the disk says no.
    """
    try:
        return await anyio.to_thread.run_sync(step, limiter=transfer.session.disk)
    except OSError as error:
        raise LocalStorageError(
            f"the results of job {transfer.job_id} cannot be written here: {error}",
            job_id=transfer.job_id,
            url=without_query(url),
        ) from error
