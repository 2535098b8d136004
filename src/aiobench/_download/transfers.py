"""One attempt to receive a results file: resumed where the last one was cut, with a size cap and a minimum speed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from attrs import define, frozen

from aiobench._download.result_requests import InterruptedTransferError, ResultSource
from aiobench._errors import APITimeoutError, ResultTooLargeError
from aiobench._http.bodies import (
    CutBodyError,
    UnknownEncodingError,
    decoder_for,
    encoding_of,
    ends_with_its_connection,
    raw_chunks,
)
from aiobench._redaction import without_query

if TYPE_CHECKING:
    import httpx

    from aiobench._download.part_files import PartFile

__all__ = ["Place", "Transfer"]

OVERHEAD = 2**18  # bytes by which a body may be larger as it arrives than decoded
BATCH = 2**20  # bytes that are written at a time
SLOWEST = 1000  # bytes a second: slower than that is no connection
PROGRESS_INTERVAL = 0.1  # seconds
LENGTH = re.compile(r"[0-9]{1,18}")
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


@define
class Place:
    """How much of the file is written, and of which version.

    Attributes:
        done: Bytes written.
        total: Total bytes, if the server said.
        etag: The version, if the server names it strongly; without it nothing is resumed.
        reported_at: When progress was last reported.
    """

    done: int = 0
    total: int | None = None
    etag: str | None = None
    reported_at: float = float("-inf")

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers: for the rest of the same version, or for all of it."""
        asked = {"Accept-Encoding": "identity"}
        if self.done and self.etag:
            asked |= {"Range": f"bytes={self.done}-", "If-Range": self.etag}
        return asked

    def is_continued_by(self, response: httpx.Response) -> bool:
        """Return whether a 206 is the requested rest; learn the total from it."""
        found = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if not found or not self.etag or int(found[1]) != self.done or _is_encoded(response):
            return False
        if response.headers.get("etag", self.etag) != self.etag:
            return False
        total = None if found[2] == "*" else int(found[2])
        if self.total is None:
            self.total = total
        return total is None or total == self.total


@frozen
class Transfer:
    """What all attempts at one download share."""

    source: ResultSource
    max_bytes: int
    progress: Callable[[int, int | None], Awaitable[None]] | None

    async def run(self, url: str, part: PartFile, place: Place) -> None:
        """Receive the file, or the rest of it.

        Raises:
            InterruptedTransferError: If the attempt was cut short; *place* tells how far it came.
            RefusedError: If the server refuses.
            DownloadError: If the file must not or cannot be downloaded from there.
        """
        async with self.source.opened(url, place.headers) as response:
            await self._take_up(response, url, part, place)
            await self._receive(response, url, part, place)
        if place.total is not None and place.done != place.total:
            what = f"{place.done} of {place.total} bytes arrived"
            raise InterruptedTransferError(self.source.damaged(url, what))
        if self.progress is not None:
            await self.progress(place.done, place.total)

    async def _take_up(self, response: httpx.Response, url: str, part: PartFile, place: Place) -> None:
        """Determine where in the file the body begins, and how long the file is."""
        headers, damaged = response.headers, self.source.damaged
        if headers.get("content-type", "").lower().startswith("text/html"):
            raise damaged(url, "the server sent a web page instead of the file")
        if response.status_code == 206 and place.is_continued_by(response):
            return
        if response.status_code != 200:  # 416, another part, nothing at all
            place.etag = None  # the next attempt is for the whole file
            what = f"HTTP {response.status_code}, neither the whole file nor the rest that was asked for"
            raise InterruptedTransferError(damaged(url, what))
        if place.done:
            await self.source.on_disk(part.restart, url)
        length, etag, encoded = headers.get("content-length", ""), headers.get("etag", ""), _is_encoded(response)
        place.done = 0
        place.total = int(length) if LENGTH.fullmatch(length) and not encoded else None
        place.etag = etag if etag.startswith('"') and not encoded else None
        self._check_size(place.total or 0, 0, url)

    async def _receive(self, response: httpx.Response, url: str, part: PartFile, place: Place) -> None:
        batch: list[bytes] = []
        size = received = 0
        last = b""

        async def flush() -> None:
            nonlocal size
            await self.source.on_disk(lambda: part.write(b"".join(batch)), url)
            place.done += size
            batch.clear()
            size = 0

        chunks = raw_chunks(response)
        session = self.source.session
        speed = _Speed(session.now(), self.source.options.timeout)
        try:
            decoder = decoder_for(response)
            while (chunk := await self.source.chunk(chunks, url)) is not None:
                received += len(chunk)
                decoded = 0
                for piece in decoder.feed(chunk):
                    batch.append(piece)
                    size += len(piece)
                    decoded += len(piece)
                    last = piece[-1:]
                    self._check_size(place.done + size, received, url)
                    if size >= BATCH:
                        await flush()
                self._check_size(place.done + size, received, url)
                now = session.now()
                self._check(speed, decoded, now)
                await self._report(place, size, now)
            decoder.finish()
            self._check_end(response, last, url)
        except UnknownEncodingError as error:
            raise self.source.damaged(url, str(error)) from error
        except CutBodyError as error:
            raise InterruptedTransferError(self.source.damaged(url, str(error))) from error
        except InterruptedTransferError:
            await flush()
            raise
        await flush()

    def _check_size(self, size: int, received: int, url: str) -> None:
        if size > self.max_bytes or received > self.max_bytes + OVERHEAD:  # also what decodes to nothing has an end
            raise ResultTooLargeError(
                f"the results of job {self.source.job_id} exceed max_bytes={self.max_bytes}",
                job_id=self.source.job_id,
                url=without_query(url),
            )

    def _check_end(self, response: httpx.Response, last: bytes, url: str) -> None:
        """Refuse a body that may be cut: one that ends with its connection and not with a complete line."""
        if ends_with_its_connection(response) and not _is_encoded(response) and last not in {b"\n", b"\r"}:
            why = "it ends with its connection and within a line: it may be cut"
            raise InterruptedTransferError(self.source.damaged(url, why))

    def _check(self, speed: _Speed, received: int, now: float) -> None:
        if speed.is_too_slow(received, now):
            what = f"the results of job {self.source.job_id} come at less than {SLOWEST} bytes a second"
            raise InterruptedTransferError(APITimeoutError(what))

    async def _report(self, place: Place, unwritten: int, now: float) -> None:
        if self.progress is not None and now - place.reported_at >= PROGRESS_INTERVAL:
            place.reported_at = now
            await self.progress(place.done + unwritten, place.total)


class _Speed:
    """Checks that the file grows at a minimum rate, in windows as long as the timeout."""

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


def _is_encoded(response: httpx.Response) -> bool:
    return encoding_of(response) != "identity"
