"""What a reply means: (status, headers, body) → nothing, or the error it stands for. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from aiobench._errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from aiobench._http.credentials import excerpt, redacted, without_query
from aiobench._http.retries import retry_after
from aiobench._wire.decoding import MalformedDocumentError, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Reply", "error_of", "invalid"]

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
    429: "the server asks for fewer requests",
}


@frozen
class Reply:
    """A reply that was read whole; `what` says in words what was asked for."""

    what: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        return next((found for name in REQUEST_ID_HEADERS if (found := self.headers.get(name))), None)


def error_of(reply: Reply, *secrets: str) -> APIError | None:
    """Return the error that a reply stands for, or None where it is a success."""
    status = reply.status
    if 200 <= status < 300:
        return None
    if status < 400:
        target = redacted(without_query(reply.headers.get("location", "")), *secrets)
        where = f"redirected to {target!r}" if target else "redirected"
        return invalid(reply, f"{where}, which is not followed: it could take the key", *secrets, permanent=True)
    body = _snippet(reply, *secrets)
    message = _message(reply, *secrets) or body
    text = f"{reply.what}: HTTP {status}"
    if message:
        text += f", {message!r}"
    if advice := ADVICE.get(status):
        text += f"; {advice}"
    if reply.request_id:
        text += f" (request {reply.request_id})"
    return CLASSES.get(status, ServerError if status >= 500 else APIStatusError)(
        text,
        status_code=status,
        message=message,
        body=body,
        retry_after=retry_after(reply.headers),
        request_id=reply.request_id,
    )


def invalid(
    reply: Reply, why: str, *secrets: str, too_large: bool = False, permanent: bool = False
) -> InvalidResponseError:
    """Make the error of a reply that is not what its route promises."""
    return InvalidResponseError(
        f"{reply.what}: HTTP {reply.status}, but {why}",
        body=_snippet(reply, *secrets),
        request_id=reply.request_id,
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
    return excerpt(reply.body.decode(errors="replace"), SNIPPET, *secrets)
