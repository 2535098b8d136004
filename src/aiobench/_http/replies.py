"""The meaning of an exchange: maps a reply, or what a transport raised, to an error or to success. No I/O."""

from __future__ import annotations

import pickle
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar, cast

import httpx

from aiobench._errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from aiobench._http.retries import retry_after
from aiobench._redaction import excerpt, on_one_line, redacted, without_query
from aiobench._values import Value
from aiobench._wire.decoding import MalformedDocumentError, decoded

__all__ = ["Answer", "Reply", "connection_error", "error_of", "invalid", "safe_cause"]

T = TypeVar("T")

SNIPPET = 500  # characters of a body that an error shows
REQUEST_ID_HEADERS = (
    "x-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-correlation-id",
    "request-id",
)
CLASSES: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: BadRequestError,
    429: RateLimitError,
}
ADVICE = {
    401: "check the API key",
    403: "this key may not do that",
    404: "check the id, the base URL, and that the key belongs to the team that owns it",
    407: "check the user and the password of the proxy",
    429: "the server asks for fewer requests",
}
CERTIFICATE_ADVICE = (
    "; if your network has a certificate authority of its own, set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to its file, "
    "or pass ssl_context="
)
# mistakes in a transport, which another attempt repeats
MISTAKES = (AttributeError, ImportError, NameError, NotImplementedError, TypeError)


# -- a reply -----------------------------------------------------------------------------------------------------------


class Reply(Value, frozen=True):
    """A reply that was read. `what` describes the request in words."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        found = next((found for name in REQUEST_ID_HEADERS if (found := self.headers.get(name))), None)
        return None if found is None else on_one_line(found)


class Answer(Value, Generic[T], frozen=True):
    """What one good reply says.

    Attributes:
        value: The document, decoded; None if it is the one that the caller has.
        retry_after: Seconds that the server asks to wait before the next poll, or None.
        etag: The name of this version of the document, or None.
        digest: The digest of the body; None if it was not sent again.
        size: Bytes of the body.
    """

    value: T | None
    retry_after: float | None = None
    etag: str | None = None
    digest: int | None = None
    size: int = 0


def error_of(reply: Reply, *secrets: str) -> APIError | None:
    """Return the error that a reply means, or None for a success."""
    status = reply.status
    if 200 <= status < 300:
        return None
    if status < 400:
        target = redacted(without_query(reply.headers.get("location", "")[:1000]), *secrets)
        where = f"redirected to {on_one_line(target)!r}" if target else "redirected"
        return invalid(reply, f"{where}, which is not followed: it could take the key", *secrets, permanent=True)
    body = _snippet(reply, *secrets)
    message = _message(reply, *secrets) or body
    request_id = None if reply.request_id is None else redacted(reply.request_id, *secrets)
    text = f"{reply.what}: HTTP {status}"
    if message:
        text += f", {message!r}"
    if advice := ADVICE.get(status):
        text += f"; {advice}"
    if request_id:
        text += f" (request {request_id})"
    return CLASSES.get(status, ServerError if status >= 500 else APIStatusError)(
        text,
        status_code=status,
        message=message,
        body=body,
        retry_after=retry_after(reply.headers),
        request_id=request_id,
    )


def invalid(
    reply: Reply, why: str, *secrets: str, too_large: bool = False, permanent: bool = False
) -> InvalidResponseError:
    """Return the error for a reply that breaks its route's contract."""
    return InvalidResponseError(
        f"{reply.what}: HTTP {reply.status}, but {why}",
        body=_snippet(reply, *secrets),
        request_id=None if reply.request_id is None else redacted(reply.request_id, *secrets),
        too_large=too_large,
        permanent=permanent,
    )


def _message(reply: Reply, *secrets: str) -> str:
    try:
        document = decoded(reply.body)
    except MalformedDocumentError:
        return ""
    message = cast("dict[str, Any]", document).get("message") if isinstance(document, dict) else None
    return excerpt(message, SNIPPET, *secrets) if isinstance(message, str) else ""


def _snippet(reply: Reply, *secrets: str) -> str:
    longest = max((len(secret) for secret in secrets), default=0)
    beginning = reply.body[: 16 * SNIPPET + 40 * longest]  # bytes: a character takes up to four
    return excerpt(beginning.decode(errors="replace"), SNIPPET, *secrets)


# -- no reply ----------------------------------------------------------------------------------------------------------


def connection_error(what: str, origin: str, failure: Exception, *secrets: str) -> APIConnectionError:
    """Translate what a transport raised."""
    chain = list(_chain(failure))
    is_unsent = any(isinstance(each, httpx.ConnectError | httpx.ProxyError) for each in chain)
    is_unsent = is_unsent or any(_is_of_aiohttp(each, "ClientConnectorError") for each in chain)
    kind = APITimeoutError if any(map(_is_timeout, chain)) else APIConnectionError
    certificate = next((each for each in chain if isinstance(each, ssl.SSLCertVerificationError)), None)
    mistake = next((each for each in chain if isinstance(each, MISTAKES)), None)
    advice = ""
    if certificate is not None:
        advice = CERTIFICATE_ADVICE
    elif any(isinstance(each, ConnectionRefusedError) for each in chain) and not _names_a_proxy(chain):
        advice = "; is the server running, and the base URL right?"
    text = redacted(_reason(chain), *secrets)
    return kind(
        f"{what}: could not talk to {origin}: {on_one_line(text, 1000)} ({type(chain[-1]).__name__}){advice}",
        maybe_sent=not is_unsent,
        permanent=certificate is not None or mistake is not None,
    )


def _chain(failure: BaseException) -> Iterator[BaseException]:
    """Iterate over an error and its causes; of a group, those of its first member."""
    each: BaseException | None = failure
    while each is not None:
        if isinstance(each, BaseExceptionGroup):
            each = each.exceptions[0]
        yield each
        each = each.__cause__


def _reason(chain: list[BaseException]) -> str:
    """Describe why. httpx's and our own errors name the cause; of others, the innermost one says most."""
    spoken = [each for each in chain if str(each)]
    ours = [each for each in spoken if isinstance(each, httpx.ConnectError | httpx.ProxyError)]
    return str((ours or spoken[::-1] or [type(chain[-1]).__name__])[0])


def _names_a_proxy(chain: list[BaseException]) -> bool:
    return any(isinstance(each, httpx.ProxyError) for each in chain)


def _is_timeout(error: BaseException) -> bool:
    # httpx-aiohttp, which a factory may use, calls every broken connection a timeout
    if isinstance(error, httpx.TimeoutException):
        cause = error.__cause__
        return not _is_of_aiohttp(cause, "ClientError") or isinstance(cause, TimeoutError)
    return isinstance(error, TimeoutError)


def _is_of_aiohttp(error: BaseException | None, name: str) -> bool:
    # by name, for aiohttp may not be installed
    return any(cls.__name__ == name and cls.__module__.startswith("aiohttp") for cls in type(error).__mro__)


def safe_cause(failure: Exception, *secrets: str) -> Exception | None:
    """Return *failure* as a cause that is safe to show and to pickle.

    Dask and other pools of processes pickle an error with its causes. So one that holds a secret or a signed URL, or
    that cannot be pickled, is none; nor is one that was raised because of such a one.
    """
    for each in _behind(failure):
        if isinstance(each, httpx.RequestError):
            with suppress(RuntimeError):  # it has no request
                each.request = httpx.Request(each.request.method, without_query(str(each.request.url)))
        try:
            held = pickle.dumps((type(each), each.args, vars(each)))
        except Exception:  # noqa: BLE001 - whatever is raised by what it holds
            return None
        if any(text != redacted(text, *secrets) for text in (str(each), repr(each), held.decode("latin-1"))):
            return None
    return failure


def _behind(failure: BaseException) -> Iterator[BaseException]:
    """Iterate over an error and everything that led to it."""
    found = [failure]
    for each in found:
        yield each
        members = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        for other in (each.__cause__, each.__context__, *members):
            if other is not None and not any(other is known for known in found):
                found.append(other)
