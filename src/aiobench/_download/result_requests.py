"""Requests for a results file: without the key, only to safe URLs, with few redirects, and in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread
from attrs import frozen

from aiobench._errors import (
    APIError,
    APIStatusError,
    APITimeoutError,
    DownloadError,
    IntegrityError,
    LocalStorageError,
    RateLimitError,
    UnsafeURLError,
)
from aiobench._http.bodies import ERROR_BODY, read_beginning
from aiobench._http.exchange import file_request
from aiobench._http.replies import Reply, connection_error, error_of, safe_cause
from aiobench._http.result_urls import UnsafeAddressError, unsafe_url
from aiobench._http.retries import is_retried
from aiobench._http.session import Session
from aiobench._http.settings import CallOptions
from aiobench._redaction import secrets_of, without_query
from aiobench._wire.routes import RESULTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from aiobench._http.connections import Lease
    from aiobench._http.result_urls import ResultURLRules

__all__ = ["InterruptedTransferError", "RefusedError", "ResultSource"]

T = TypeVar("T")

MAX_REDIRECTS = 3


class InterruptedTransferError(Exception):
    """Raised when an attempt ended before the file did, and another attempt may help.

    Attributes:
        error: The error to raise if none does.
    """

    def __init__(self, error: APIError | DownloadError) -> None:
        super().__init__(str(error))
        self.error = error


class RefusedError(Exception):
    """Raised when the server of the results refuses, to distinguish it from an error of the user's own function.

    Attributes:
        error: The server's answer.
    """

    def __init__(self, error: APIStatusError) -> None:
        super().__init__(str(error))
        self.error = error


@frozen
class ResultSource:
    """Where a job's results come from and how to request them."""

    session: Session
    options: CallOptions
    rules: ResultURLRules
    job_id: str

    @asynccontextmanager
    async def opened(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        """Request the file; yield a success whose body is yet to be read, or a 416.

        Raises:
            InterruptedTransferError: If the server cannot be reached or fails.
            RefusedError: If the server refuses.
            DownloadError: If the file may not be fetched from there.
        """
        target = self.rules.checked(url, job_id=self.job_id)
        for _ in range(MAX_REDIRECTS + 1):
            origin = str(target.copy_with(raw_path=b"/", fragment=None))
            await self.session.let_pause_pass(origin, longest=self.options.max_retry_after)
            request = file_request(target, headers)
            async with self.session.results.borrow(target, fresh=True) as lease:
                lease.spoil()  # results come rarely and from many hosts: connections to them are not kept
                response = await self._sent(lease, request, target)
                if response.has_redirect_location:
                    target = self.rules.checked(response.headers["location"], job_id=self.job_id, before=target)
                    continue
                if not response.is_success and response.status_code != 416:
                    await self._refuse(response, origin, {*secrets_of(url), *secrets_of(str(target))})
                yield response
                return
        raise UnsafeURLError(
            f"the results of job {self.job_id} are behind more than {MAX_REDIRECTS} redirects",
            job_id=self.job_id,
            url=without_query(url),
        )

    async def _sent(self, lease: Lease, request: httpx.Request, target: httpx.URL) -> httpx.Response:
        started = self.session.now()
        try:
            response = await self.in_time(partial(lease.send, request), str(target))
        except InterruptedTransferError as interruption:
            self._observe(target, None, type(interruption.error).__name__, started)
            raise
        self._observe(target, response.status_code, None, started)
        return response

    def _observe(self, target: httpx.URL, status: int | None, error: str | None, started: float) -> None:
        if (observer := self.session.observer) is not None:
            seconds = self.session.now() - started
            observer.requested("GET", RESULTS, (target.host, target.port), status, error, seconds)

    async def chunk(self, chunks: AsyncIterator[bytes], url: str) -> bytes | None:
        """Wait for the next bytes of a body; None at its end.

        Raises:
            InterruptedTransferError: If they do not come.
        """

        async def step() -> bytes | None:
            try:
                return await anext(chunks)
            except StopAsyncIteration:
                return None

        return await self.in_time(step, url)

    async def in_time(self, step: Callable[[], Awaitable[T]], url: str) -> T:
        """Await a network step; give up when it takes longer than the timeout.

        Raises:
            InterruptedTransferError: If it fails or takes too long.
            UnsafeURLError: If the host is at an address where no results should be.
        """
        what, origin, timeout = f"the results of job {self.job_id}", without_query(url), self.options.timeout
        with self.session.clock.move_on_after(timeout):
            try:
                return await step()
            except UnsafeAddressError as failure:
                raise unsafe_url(url, self.job_id, str(failure)) from failure
            except AssertionError:  # a mocking library speaks to its user
                raise
            except Exception as failure:  # noqa: BLE001 - whatever a transport raises: kept as the cause
                secrets = secrets_of(url)
                interruption = InterruptedTransferError(connection_error(what, origin, failure, *secrets))
                cause = safe_cause(failure, *secrets)
            try:
                raise interruption from cause  # not above, where the failure would be its context
            finally:
                del interruption, cause  # this frame must not hold them either
        raise InterruptedTransferError(APITimeoutError(f"{what}: nothing came from {origin} for {timeout:g} s"))

    async def _refuse(self, response: httpx.Response, origin: str, secrets: set[str]) -> None:
        body = b""
        with suppress(InterruptedTransferError):  # the status says enough
            body, _ = await self.in_time(partial(read_beginning, response, ERROR_BODY), origin)
        reply = Reply(f"the results of job {self.job_id}", response.status_code, response.headers, body)
        error = error_of(reply, *sorted(secrets, key=len, reverse=True))  # one may be a part of another
        if isinstance(error, RateLimitError):
            self.session.pause(origin, error.retry_after)
        try:
            if isinstance(error, APIStatusError) and not is_retried(error):
                raise RefusedError(error)
            raise InterruptedTransferError(error or self.damaged(origin, f"HTTP {response.status_code}"))
        finally:
            del error  # else it and this frame would hold each other

    def damaged(self, url: str, why: str) -> IntegrityError:
        where = without_query(url)
        return IntegrityError(f"the results of job {self.job_id} from {where}: {why}", job_id=self.job_id, url=where)

    async def on_disk(self, step: Callable[[], T], url: str) -> T:
        """Run a blocking file operation in a worker thread.

        Raises:
            LocalStorageError: If the disk says no.
        """
        try:
            return await anyio.to_thread.run_sync(step, limiter=self.session.disk)
        except (OSError, ValueError) as error:  # a ValueError means an invalid path, with a null byte in it
            raise LocalStorageError(
                f"the results of job {self.job_id} cannot be written here: {error}",
                job_id=self.job_id,
                url=without_query(url),
            ) from error
