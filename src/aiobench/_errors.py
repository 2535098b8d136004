"""The errors that need no snapshot; `aiobench.errors` is their public home, and has the tree of all.

They are down here because every layer raises some of them, and a snapshot is made far above.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AiobenchError",
    "AuthenticationError",
    "BadRequestError",
    "ClientClosedError",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "DownloadError",
    "ForkedClientError",
    "IntegrityError",
    "InvalidResponseError",
    "JobError",
    "JobsWaitTimeoutError",
    "JournalError",
    "LocalStorageError",
    "MissingExtraError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResultExpiredError",
    "ResultParseError",
    "ResultTooLargeError",
    "ResultsNotReadyError",
    "ServerError",
    "StartOutcomeUnknownError",
    "UnsafeURLError",
    "WrongEventLoopError",
]


def _restore(cls: type[AiobenchError], args: tuple[Any, ...], state: dict[str, Any]) -> AiobenchError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class AiobenchError(Exception):
    """Raised when something goes wrong in aiobench; the base of all its errors."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


class ConfigurationError(AiobenchError, ValueError):
    """Raised when a setting or an argument is invalid: no key, two keys, a bad base URL, an empty id."""


class MissingExtraError(AiobenchError, ImportError):
    """Raised when a feature needs an optional dependency that is not installed.

    Attributes:
        extra: The name of the extra, as in `pip install 'aiobench[EXTRA]'`.
    """

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency; install it with: pip install 'aiobench[{extra}]'")
        self.extra = extra


class ClientStateError(AiobenchError, RuntimeError):
    """Raised when a client is used where it cannot work: see the subclasses."""


class ClientClosedError(ClientStateError):
    """Raised when a client is used after it was closed."""


class WrongEventLoopError(ClientStateError):
    """Raised when a client is used in a second event loop."""


class ForkedClientError(ClientStateError):
    """Raised when a client that was used before `os.fork()` is used in the child process."""


class APIError(AiobenchError):
    """Raised when a request to the platform fails.

    Attributes:
        attempts: How often the request was sent.
        request_id: The platform's id of the request, or None.
    """

    def __init__(self, message: str, *, attempts: int = 1, request_id: str | None = None) -> None:
        super().__init__(message)
        self.attempts: int = attempts
        self.request_id: str | None = request_id


class APIConnectionError(APIError):
    """Raised when there is no reply from the server; `__cause__` says why.

    Attributes:
        maybe_sent: False if the request certainly did not reach the server.
        permanent: Whether it would fail again in the same way: an unknown certificate authority.
    """

    def __init__(
        self,
        message: str,
        *,
        maybe_sent: bool = True,
        permanent: bool = False,
        attempts: int = 1,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, attempts=attempts, request_id=request_id)
        self.maybe_sent: bool = maybe_sent
        self.permanent: bool = permanent


class APITimeoutError(APIConnectionError, TimeoutError):
    """Raised when an attempt exceeds its timeout."""


class APIStatusError(APIError):
    """Raised when the server replies with an error status.

    Attributes:
        status_code: The HTTP status.
        message: The server's message, shortened.
        body: The beginning of the reply, without keys and signatures.
        retry_after: The seconds that the server asks to wait, or None.
    """

    def __init__(
        self,
        text: str,
        *,
        status_code: int,
        message: str = "",
        body: str = "",
        retry_after: float | None = None,
        attempts: int = 1,
        request_id: str | None = None,
    ) -> None:
        super().__init__(text, attempts=attempts, request_id=request_id)
        self.status_code = status_code
        self.message = message
        self.body = body
        self.retry_after = retry_after


class BadRequestError(APIStatusError):
    """Raised when the server rejects the request as malformed (400, 422)."""


class AuthenticationError(APIStatusError):
    """Raised when the key is not accepted (401)."""


class PermissionDeniedError(APIStatusError):
    """Raised when the key lacks permission (403)."""


class NotFoundError(APIStatusError):
    """Raised when the job, benchmark or asset does not exist (404)."""


class ConflictError(APIStatusError):
    """Raised when the request conflicts with the current state (409)."""


class RateLimitError(APIStatusError):
    """Raised when the server asks for fewer requests (429)."""


class ServerError(APIStatusError):
    """Raised when the server fails (5xx)."""


class InvalidResponseError(APIError):
    """Raised when a reply cannot be used: not JSON, not a job, too large, a redirect.

    Attributes:
        body: The beginning of the reply, without keys and signatures.
        too_large: Whether the reply was larger than `max_document`.
        permanent: Whether asking again would bring the same: it is too large, or a redirect.
    """

    def __init__(
        self,
        message: str,
        *,
        body: str = "",
        too_large: bool = False,
        permanent: bool = False,
        attempts: int = 1,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, attempts=attempts, request_id=request_id)
        self.body = body
        self.too_large = too_large
        self.permanent: bool = permanent or too_large


class JobError(AiobenchError):
    """Raised when something is wrong with one job or its results.

    Attributes:
        job_id: The job's id.
    """

    def __init__(self, message: str, *, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class ResultsNotReadyError(JobError):
    """Raised when a job has no results to download yet.

    Attributes:
        status: The status of the job.
    """

    def __init__(self, message: str, *, job_id: str, status: str) -> None:
        super().__init__(message, job_id=job_id)
        self.status = status


class ResultParseError(JobError):
    """Raised when the results are not a valid CSV.

    Attributes:
        line: The line of the file, counted from 1, or None if it is unknown.
    """

    def __init__(self, message: str, *, job_id: str, line: int | None = None) -> None:
        super().__init__(message, job_id=job_id)
        self.line = line


class DownloadError(JobError):
    """Raised when results cannot be downloaded.

    Attributes:
        url: The URL of the results without its query, which may hold a signature.
    """

    def __init__(self, message: str, *, job_id: str, url: str = "") -> None:
        super().__init__(message, job_id=job_id)
        self.url = url


class IntegrityError(DownloadError):
    """Raised when the downloaded file is incomplete."""


class ResultExpiredError(DownloadError):
    """Raised when the result URL has expired, and so has a fresh one."""


class UnsafeURLError(DownloadError):
    """Raised when a result URL is not safe to follow: not https, a private address, and so on."""


class ResultTooLargeError(DownloadError):
    """Raised when the results exceed `max_bytes`."""


class LocalStorageError(DownloadError, OSError):
    """Raised when the file cannot be written; `__cause__` says why."""


class JobsWaitTimeoutError(AiobenchError, TimeoutError):
    """Raised when a monitor's timeout expires before all of its jobs have ended.

    Attributes:
        finished: The ids of the jobs that have ended.
        pending: The ids of the jobs that have not.
    """

    def __init__(self, message: str, *, finished: AbstractSet[str], pending: AbstractSet[str]) -> None:
        super().__init__(message)
        self.finished: frozenset[str] = frozenset(finished)
        self.pending: frozenset[str] = frozenset(pending)


class StartOutcomeUnknownError(AiobenchError):
    """Raised when the reply to a start was lost and the job list does not show whether a job was started.

    Attributes:
        benchmark_id: The benchmark's id; look at its jobs before you start it again.
    """

    def __init__(self, message: str, *, benchmark_id: str) -> None:
        super().__init__(message)
        self.benchmark_id = benchmark_id


class JournalError(AiobenchError):
    """Raised when a journal cannot be used: it is locked, damaged, or belongs to another server.

    Attributes:
        path: The path of the journal.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path
