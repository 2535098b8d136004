"""Requests to the platform: sent, retried, and translated into values or errors."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import anyio
import httpx
import msgspec

from aiobench._clock import Clock
from aiobench._errors import APIError, ConfigurationError, RateLimitError
from aiobench._http.connections import KEEPALIVE, Connections
from aiobench._http.exchange import ApiRequest, Exchange, prepared
from aiobench._http.guards import Guard
from aiobench._http.replies import Answer, Reply, error_of, invalid
from aiobench._http.retries import FreshJobs, Pauses, RetryBudget, backoff, is_retried, retry_after, retry_in
from aiobench._http.settings import CallOptions
from aiobench._observer import Observer
from aiobench._redaction import KeyEchoes
from aiobench._wire import routes
from aiobench._wire.decoding import MalformedDocumentError
from aiobench._wire.sizes import AT_ONCE, takes_long

if TYPE_CHECKING:
    import anyio.to_thread  # noqa: TC004 - anyio imports it itself when it is first used

    from aiobench._http.transports import TransportMaker

__all__ = ["MAX_DOCUMENT", "Session"]

logger = logging.getLogger("aiobench.http")
T = TypeVar("T")

MAX_DOCUMENT = 8 * 2**20  # bytes of one JSON reply, as it arrives and decoded


class Session:
    """What all views of one client share: connections, pauses and the retry budget."""

    def __init__(
        self,
        *,
        base_url: httpx.URL,
        api_key: str,
        transports: TransportMaker,
        result_transports: TransportMaker,
        max_connections: int,
        max_document: int = MAX_DOCUMENT,
        clock: Clock,
    ) -> None:
        self.base_url = base_url
        self.guard: Guard = Guard()
        self.pauses: Pauses = Pauses()
        self.fresh: FreshJobs = FreshJobs()
        self._starts: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        self.budget: RetryBudget = RetryBudget()
        self.clock = clock
        self.now: Callable[[], float] = clock.now
        self.sleep: Callable[[float], Awaitable[None]] = clock.sleep
        self.max_connections = max_connections
        self.random: random.Random = random.Random(clock.seed)  # noqa: S311 - jitter, not a secret
        self.observer: Observer | None = None
        self.origin: str = str(base_url.copy_with(path="/"))
        self._api = Connections(transports.make, limit=max_connections, keep_idle=KEEPALIVE, clock=clock)
        self.results: Connections = Connections(
            result_transports.make, limit=max_connections, keep_idle=0.0, clock=clock
        )
        self.disk: anyio.CapacityLimiter = anyio.CapacityLimiter(4)  # threads for files: not those of the user
        self._exchange: Exchange = Exchange(self._api, self.origin, api_key, max_document)
        self._api_key = api_key
        self._echoes = KeyEchoes(api_key)
        self._base = str(base_url)

    def __repr__(self) -> str:
        return f"<Session {self._base} api={self._api!r} results={self.results!r}>"

    def starting(self, benchmark_id: str) -> anyio.Lock:
        """Return the lock for starting jobs of a benchmark. It exists as long as somebody holds it."""
        return self._starts.setdefault(benchmark_id, anyio.Lock())

    def request(
        self, method: str, path: str, options: CallOptions, *, what: str, json: Any = None, is_idempotent: bool = True
    ) -> ApiRequest:
        """Build a request; *path* is quoted and relative to the base URL.

        Raises:
            ConfigurationError: If *json* cannot be sent.
        """
        content = b""
        if json is not None:
            try:
                content = msgspec.json.encode(json)
            except (TypeError, UnicodeEncodeError) as error:
                raise ConfigurationError(f"{what}: an argument cannot be sent as JSON: {error}") from error
        return prepared(
            what,
            method,
            self._base + path,
            key=self._api_key,
            headers=options.headers,
            content=content,
            is_idempotent=is_idempotent,
        )

    # -- calls ---------------------------------------------------------------------------------------------------------

    async def call(self, request: ApiRequest, decode: Callable[[bytes], T], options: CallOptions) -> T:
        """Send a request until it succeeds, retries no longer help, or `max_retries` are used up.

        Raises:
            APIError: The error of the last attempt.
        """
        return await self._retried(request, options, lambda: self.attempt(request, decode, timeout=options.timeout))

    async def call_if_changed(
        self, request: ApiRequest, decode: Callable[[bytes], T], options: CallOptions, known: int | None
    ) -> Answer[T]:
        """Send a request as `call()` does, and decode the reply unless the digest of its body is *known*.

        Raises:
            APIError: The error of the last attempt.
        """
        return await self._retried(
            request, options, lambda: self.ask(request, decode, timeout=options.timeout, known=known)
        )

    async def _retried(self, request: ApiRequest, options: CallOptions, send: Callable[[], Awaitable[T]]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                await self.let_pause_pass(longest=options.max_retry_after)
                return await send()
            except APIError as error:
                if error.attempts:  # otherwise nothing was sent
                    error.attempts = attempt
                delay = retry_in(
                    error,
                    wait=backoff(attempt, self.random),
                    attempt=attempt,
                    max_retries=options.max_retries,
                    longest=options.max_retry_after,
                    is_idempotent=request.is_idempotent,
                    budget=lambda: self.budget.allows(self.now()),
                )
                if delay is None:
                    raise
                if self.observer is not None:
                    self.observer.retried(self._route(request), type(error).__name__)
                logger.info("%s; trying again in %.2f s (attempt %d)", error, delay, attempt)
            await self.sleep(delay)

    async def let_pause_pass(self, origin: str | None = None, *, longest: float = float("inf")) -> None:
        """Wait until a server that replied 429 may be asked again; by default the platform.

        Raises:
            RateLimitError: If that takes more than *longest* seconds; at once.
        """
        origin = self.origin if origin is None else origin
        while (remaining := self.pauses.remaining(origin, self.now())) > 0:
            if remaining > longest:
                raise RateLimitError(
                    f"{origin} answered 429 and asks for no requests for another {remaining:.0f} s",
                    status_code=429,
                    retry_after=remaining,
                    attempts=0,
                )
            # spread out: everyone who waits would be back in the same moment
            await self.sleep(remaining + self.random.uniform(0.0, min(1.0, 0.1 * remaining)))

    def pause(self, origin: str, seconds: float | None) -> None:
        """Send a server no requests for so many seconds; None means the default for a 429."""
        self.pauses.extend(origin, seconds, self.now())
        if self.observer is not None:
            self.observer.paused(self.pauses.remaining(origin, self.now()))

    async def attempt(
        self,
        request: ApiRequest,
        decode: Callable[[bytes], T],
        *,
        timeout: float,
        on_send: Callable[[], None] | None = None,
    ) -> T:
        """Send a request once; *timeout* counts from a free connection to the last byte.

        *on_send* is called each time something is sent: twice if a kept connection turned out to be closed.

        Raises:
            APIError: If it brings no usable reply; the subclass says why.
            ClientStateError: If this client cannot be used here and now.
        """
        return await self._read(await self._reply_to(request, timeout, on_send), decode)

    async def ask(
        self,
        request: ApiRequest,
        decode: Callable[[bytes], T],
        *,
        timeout: float,
        on_send: Callable[[], None] | None = None,
        etag: str | None = None,
        known: int | None = None,
    ) -> Answer[T]:
        """Send a request once, as `attempt()` does, and return what else the reply says.

        Args:
            request: The request.
            decode: Reads the body.
            timeout: Seconds, from a free connection to the last byte.
            on_send: Called each time something is sent.
            etag: The version that the caller has: if it is still the present one, the answer's value is None.
            known: The digest of the body that the caller has: if it is the same again, the answer's value is None.

        Raises:
            APIError: If it brings no usable reply; the subclass says why.
            ClientStateError: If this client cannot be used here and now.
        """
        reply = await self._reply_to(request, timeout, on_send, etag)
        hint, version = retry_after(reply.headers), reply.headers.get("etag")
        if reply.status == 304:
            return Answer(None, hint, version or etag)
        # Python's own hash of bytes: 64 bits under a key of this process, at a quarter of the cost of a cryptographic
        # one. A server that could make two bodies collide would only hide its own news.
        digest = hash(reply.body)
        if digest == known:
            self.budget.record(failed=False)
            return Answer(None, hint, version, digest, len(reply.body))
        return Answer(await self._read(reply, decode), hint, version, digest, len(reply.body))

    # -- one attempt ---------------------------------------------------------------------------------------------------

    async def _reply_to(
        self, request: ApiRequest, timeout: float, on_send: Callable[[], None] | None, etag: str | None = None
    ) -> Reply:
        self.guard.check()
        started = self.now()
        try:
            reply = await self._exchange.send(request, timeout, on_send, etag)
        except APIError as failure:
            self.budget.record(failed=True)
            logger.debug("%s", failure)
            self._observe(request, None, failure, started)
            raise
        logger.debug("%s: HTTP %d, %.0f ms", request.what, reply.status, 1000 * (self.now() - started))
        if reply.status == 304 and etag is not None:
            self.budget.record(failed=False)
            self._observe(request, reply.status, None, started)
            return reply
        error = error_of(reply, self._api_key)
        if self.fresh.has_any and self.fresh.may_appear(str(request.url), self.now(), error):
            why = "the job was started just now, and the platform may not know it everywhere yet"
            error = invalid(reply, why, self._api_key)
        self._observe(request, reply.status, error, started)
        if error is None:
            return reply
        if isinstance(error, RateLimitError):
            self.pause(self.origin, error.retry_after)
        self.budget.record(failed=is_retried(error))
        try:
            raise error
        finally:
            del error  # otherwise it and this frame would hold each other, and the client

    def _observe(self, request: ApiRequest, status: int | None, error: APIError | None, started: float) -> None:
        if self.observer is not None:
            kind = type(error).__name__ if error is not None else None
            server = request.url.host, request.url.port
            self.observer.requested(request.method, self._route(request), server, status, kind, self.now() - started)

    def _route(self, request: ApiRequest) -> str:
        return routes.template(str(request.url).removeprefix(self._base).partition("?")[0])

    async def _read(self, reply: Reply, decode: Callable[[bytes], T]) -> T:
        """Decode a body without the key in it, in a worker thread if that may take long.

        Raises:
            InvalidResponseError: If it is not what it should be.
        """
        body = reply.body

        def read() -> T:
            return decode(self._echoes.removed_from(body))

        try:
            if len(body) > AT_ONCE and (takes_long(body) or self._echoes.may_be_in(body)):
                with self.clock.busy():
                    value = await anyio.to_thread.run_sync(read, limiter=self.disk)
            else:
                value = read()
        except MalformedDocumentError as failure:
            self.budget.record(failed=True)
            raise invalid(reply, str(failure), self._api_key) from failure
        self.budget.record(failed=False)
        return value

    # -- the end -------------------------------------------------------------------------------------------------------

    def keep_no_connections(self) -> None:
        """Close each connection after its request, so that none is left open."""
        self._api.keep_idle = 0.0

    async def aclose(self) -> None:
        """Close all connections; calls in flight raise `ClientClosedError`."""
        if self.guard.is_closed:
            return
        if self.guard.is_abandoned:  # nothing of it can be closed, or would answer
            self._api.abandon()
            self.results.abandon()
        elif self.guard.is_used:
            self.guard.check()
            self.guard.is_closed = True
            await self._api.aclose()
            await self.results.aclose()
        self.guard.is_closed = True
