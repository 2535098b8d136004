"""The platform's routes as calls, with one client view's options on a shared session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from aiobench._http.exchange import ApiRequest
from aiobench._http.replies import Answer
from aiobench._http.session import Session
from aiobench._http.settings import CallOptions
from aiobench._values import Value
from aiobench._wire import routes
from aiobench._wire.heads import ListEntry, job_list

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Platform"]

T = TypeVar("T")


class Platform(Value, frozen=True):
    """What can be asked of the platform.

    Every call raises the errors of `Session.call()`.
    """

    session: Session
    options: CallOptions

    def job_request(self, job_id: str) -> ApiRequest:
        return self.session.request("GET", routes.job(job_id), self.options, what=f"job {job_id}")

    async def job(self, request: ApiRequest, decode: Callable[[bytes], T]) -> T:
        """Request a job document, with retries."""
        return await self.session.call(request, decode, self.options)

    async def job_if_changed(self, request: ApiRequest, decode: Callable[[bytes], T], known: int | None) -> Answer[T]:
        """Request a job document, with retries, and decode it unless its digest is *known*."""
        return await self.session.call_if_changed(request, decode, self.options, known)

    async def poll(
        self, request: ApiRequest, decode: Callable[[bytes], T], on_send: Callable[[], None] | None = None
    ) -> T:
        """Request once, after any pause that the server asked for. The caller's schedule decides when to ask again."""
        await self.session.let_pause_pass()
        return await self.session.attempt(request, decode, timeout=self.options.timeout, on_send=on_send)

    async def ask(
        self,
        request: ApiRequest,
        decode: Callable[[bytes], T],
        *,
        on_send: Callable[[], None] | None = None,
        etag: str | None = None,
        known: int | None = None,
    ) -> Answer[T]:
        """Request once, like `poll()`, and return what else the reply says: see `Session.ask()`."""
        await self.session.let_pause_pass()
        return await self.session.ask(
            request, decode, timeout=self.options.timeout, on_send=on_send, etag=etag, known=known
        )

    def job_list_request(self, benchmark_id: str, *, purpose: str = "") -> ApiRequest:
        what = f"{purpose}the jobs of benchmark {benchmark_id}"
        return self.session.request("GET", routes.benchmark_jobs(benchmark_id), self.options, what=what)

    async def job_list(self, benchmark_id: str, *, purpose: str = "") -> list[ListEntry]:
        request = self.job_list_request(benchmark_id, purpose=purpose)
        return await self.session.call(request, job_list, self.options)

    async def call(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        what: str,
        json: Any = None,
        is_idempotent: bool = True,
    ) -> T:
        """Request any route, with retries; *what* describes the request in errors and the log."""
        request = self.session.request(method, path, self.options, what=what, json=json, is_idempotent=is_idempotent)
        return await self.session.call(request, decode, self.options)

    def start_request(self, benchmark_id: str) -> ApiRequest:
        return self.session.request(
            "POST",
            routes.benchmark_start(benchmark_id),
            self.options,
            what=f"starting benchmark {benchmark_id}",
            is_idempotent=False,
        )
