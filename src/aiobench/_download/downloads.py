"""Downloads results to disk: retried, resumed where they were cut, and complete or absent at the end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from aiobench._download.part_files import PartFile
from aiobench._download.result_requests import InterruptedTransferError, RefusedError
from aiobench._download.transfers import Place, Transfer
from aiobench._errors import APIError, APIStatusError, DownloadError, ResultExpiredError
from aiobench._http.retries import backoff, retry_in
from aiobench._redaction import without_query
from aiobench._wire.routes import RESULTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

__all__ = ["download"]

logger = logging.getLogger("aiobench.http")

HEALTHY = 2**20  # bytes: an attempt that brought the file so much farther does not count as one more failure in a row
EXPIRED = frozenset({400, 401, 403, 404, 410})  # what storage services answer for a signature that is too old


async def download(transfer: Transfer, target: Path, fresh_url: Callable[[], Awaitable[str]]) -> Path:
    """Download a job's results to *target*.

    Args:
        transfer: From where and how.
        target: The file; it is replaced when the new one is whole.
        fresh_url: Asks the platform for the present result URL; asked a second time when the first was refused.

    Returns:
        *target*, as it was given.

    Raises:
        DownloadError: If the file cannot be downloaded or written; the subclass says why.
        APIError: If a server cannot be reached or fails, again and again.
    """
    url = await fresh_url()
    part = PartFile(target)
    place = Place()
    try:
        await transfer.source.on_disk(part.open, url)
        try:
            await _fill(part, place, url, transfer)
        except RefusedError as refusal:
            if refusal.error.status_code not in EXPIRED:
                raise _failed(transfer, url, refusal.error) from refusal.error
            logger.info("%s; asking for a fresh URL", refusal.error)
            url = await fresh_url()
            try:
                await _fill(part, place, url, transfer)
            except RefusedError as again:
                raise _failed(transfer, url, again.error) from again.error
        await transfer.source.on_disk(part.publish, url)
        return target
    finally:
        await _discard(part, transfer)


async def _fill(part: PartFile, place: Place, url: str, transfer: Transfer) -> None:
    """Receive the file in as many attempts as needed and allowed."""
    session, options = transfer.source.session, transfer.source.options
    attempts = failures = 0
    farthest = place.done  # what is brought once more, by attempts that start over, is no progress
    while True:
        attempts += 1
        try:
            await transfer.run(url, part, place)
        except InterruptedTransferError as interruption:
            failures = 1 if place.done - farthest >= HEALTHY else failures + 1
            farthest = max(farthest, place.done)
            error, cause = interruption.error, interruption.__cause__
        else:
            session.budget.record(failed=False)
            return
        session.budget.record(failed=True)
        delay = retry_in(
            error,
            wait=backoff(failures, session.random),
            attempt=failures,
            max_retries=options.max_retries,
            longest=options.max_retry_after,
            budget=lambda: session.budget.allows(session.now()),
        )
        if delay is None:
            if isinstance(error, APIError):
                error.attempts = attempts
            try:
                raise error from cause  # not above, where what holds it would become its context
            finally:
                del error, cause  # this frame must not hold it either
        if session.observer is not None:
            session.observer.retried(RESULTS, type(error).__name__)
        logger.info("%s; going on at byte %d in %.2f s", error, place.done, delay)
        await session.sleep(delay)


def _failed(transfer: Transfer, url: str, error: APIStatusError) -> DownloadError:
    what = {"job_id": transfer.source.job_id, "url": without_query(url)}
    if error.status_code in EXPIRED:
        return ResultExpiredError(f"{error}, and so did a fresh result URL; look at the job on the platform", **what)
    return DownloadError(f"{error}: the server of the results refuses", **what)


async def _discard(part: PartFile, transfer: Transfer) -> None:
    with anyio.CancelScope(shield=True):
        try:
            await anyio.to_thread.run_sync(part.discard, limiter=transfer.source.session.disk)
        except BaseException:  # cancelled by asyncio itself, which knows no shields, for a second time
            part.discard()
            raise
