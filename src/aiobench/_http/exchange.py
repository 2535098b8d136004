"""One exchange with the platform: a request, built once, is sent on a borrowed connection, and its reply is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx

from aiobench._errors import APITimeoutError
from aiobench._http.bodies import (
    ERROR_BODY,
    BodyTooLargeError,
    Content,
    CutBodyError,
    UnknownEncodingError,
    read_beginning,
    read_body,
)
from aiobench._http.connections import Connections
from aiobench._http.replies import Reply, connection_error, invalid, safe_cause
from aiobench._values import Value
from aiobench._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiobench._http.connections import Lease

__all__ = ["ApiRequest", "Exchange", "file_request", "prepared"]

USER_AGENT = f"aiobench/{__version__}"


class ApiRequest(Value, frozen=True):
    """A request to the platform that can be sent any number of times.

    Attributes:
        what: What it asks for, in words, for errors and the log.
        is_idempotent: Whether the server may receive it twice without harm (RFC 9110, 9.2.2).
    """

    what: str
    method: str
    url: httpx.URL
    headers: httpx.Headers
    content: bytes
    is_idempotent: bool = True

    def attempt(self, etag: str | None = None) -> httpx.Request:
        """Create the request for one attempt. Headers that a tracer adds must not carry over to the next."""
        request = httpx.Request(self.method, self.url, headers=self.headers, stream=Content(self.content))
        if etag is not None:
            request.headers["If-None-Match"] = etag
        return request


def prepared(
    what: str,
    method: str,
    url: str,
    *,
    key: str,
    headers: Mapping[str, str],
    content: bytes,
    is_idempotent: bool,
) -> ApiRequest:
    """Build a request to the platform. Parsing the URL and building headers takes 10 to 30 µs."""
    sent = httpx.Headers({"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"})
    sent.update(headers)  # replaces ours, however theirs are spelled
    sent["Authorization"] = f"Token {key}"
    if content:
        sent["Content-Type"] = "application/json"
    request = httpx.Request(method, url, headers=sent, content=content or None)
    return ApiRequest(what, method, request.url, request.headers, content, is_idempotent)


def file_request(url: httpx.URL, headers: Mapping[str, str]) -> httpx.Request:
    """Build the request for a results file, without the key."""
    return httpx.Request("GET", url, headers={"User-Agent": USER_AGENT, "Accept": "*/*", **headers})


class Exchange(Value, frozen=True):
    """Sends requests to one origin, once each.

    Args:
        connections: What they are sent on.
        origin: What errors call the server.
        key: The API key, which errors must not show.
        max_document: The most bytes of a reply, as it arrives and decoded.
    """

    _connections: Connections
    _origin: str
    _key: str
    _max_document: int

    async def send(
        self, request: ApiRequest, timeout: float, on_send: Callable[[], None] | None, etag: str | None
    ) -> Reply:
        """Send a request and read its reply, whatever its status.

        Args:
            request: The request.
            timeout: Seconds, from a free connection to the last byte.
            on_send: Called each time something is sent: twice if a kept connection turned out to be closed.
            etag: The version of the document that the caller has, or None.

        Raises:
            APIConnectionError, APITimeoutError: If no complete reply comes.
            InvalidResponseError: If the body of a good reply cannot be read.
            ClientStateError: If the client is closed meanwhile.
        """
        # A request that is not idempotent gets a connection of its own: on one that was kept, nobody could tell whether
        # the server had closed it before or after it read the request.
        lease: Lease | None = None
        try:
            async with self._connections.borrow(request.url, fresh=not request.is_idempotent, timeout=timeout) as lease:
                while True:
                    if on_send is not None:
                        on_send()
                    reply = await self._reply(request, lease, etag)
                    if reply is not None:
                        return reply
                    await lease.renew()
        except TimeoutError:
            if lease is not None and lease.response is not None and not lease.response.is_success:
                return Reply(request.what, lease.response.status_code, lease.response.headers, b"")
            raise APITimeoutError(
                f"{request.what}: no complete reply from {self._origin} within {timeout:g} s"
            ) from None

    async def _reply(self, request: ApiRequest, lease: Lease, etag: str | None) -> Reply | None:
        """Send a request once; None if a kept connection turned out to be closed (F03)."""
        response: httpx.Response | None = None
        try:
            response = await lease.send(request.attempt(etag))
            if response.is_success:
                body, is_whole = await read_body(response, self._max_document), True
            else:
                body, is_whole = await read_beginning(response, ERROR_BODY)
            if is_whole:
                await lease.finish()
            else:
                lease.spoil()
        except (BodyTooLargeError, CutBodyError, UnknownEncodingError) as failure:
            assert response is not None  # these are about its body
            lease.spoil()
            reply = Reply(request.what, response.status_code, response.headers, b"")
            is_too_large = isinstance(failure, BodyTooLargeError)
            why = f"{failure}; see max_document=" if is_too_large else str(failure)
            raise invalid(reply, why, self._key, too_large=is_too_large) from failure
        except AssertionError:  # a mocking library speaks to its user
            lease.spoil()
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a transport raises: kept as the cause
            lease.spoil()
            if response is not None and not response.is_success:  # its status says enough
                return Reply(request.what, response.status_code, response.headers, b"")
            if lease.is_reused and response is None:
                return None
            error = connection_error(request.what, self._origin, failure, self._key)
            cause = safe_cause(failure, self._key)
        else:
            return Reply(request.what, response.status_code, response.headers, body)
        try:
            raise error from cause  # not above, where the failure would be its context
        finally:
            del error, cause  # this frame must not hold them either
