"""Every error that aiobench raises on purpose.

AiobenchError
├─ ConfigurationError (ValueError)
├─ MissingExtraError (ImportError)
├─ ClientStateError (RuntimeError)
│  └─ ClientClosedError · WrongEventLoopError · ForkedClientError
├─ APIError
│  ├─ APIConnectionError
│  │  └─ APITimeoutError (TimeoutError)
│  ├─ APIStatusError
│  │  └─ BadRequestError · AuthenticationError · PermissionDeniedError · NotFoundError
│  │     · ConflictError · RateLimitError · ServerError
│  └─ InvalidResponseError
├─ JobError
│  ├─ JobFailedError
│  ├─ WaitTimeoutError (TimeoutError)
│  ├─ JobStalledError
│  ├─ ResultsNotReadyError
│  ├─ ResultParseError
│  └─ DownloadError
│     └─ IntegrityError · ResultExpiredError · UnsafeURLError · ResultTooLargeError · LocalStorageError (OSError)
├─ JobsWaitTimeoutError (TimeoutError)
├─ StartOutcomeUnknownError
└─ JournalError

Each carries as attributes what its text says, and each survives pickling.
"""

from __future__ import annotations

from aiobench._errors import (
    AiobenchError,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    ClientStateError,
    ConfigurationError,
    ConflictError,
    DownloadError,
    ForkedClientError,
    IntegrityError,
    InvalidResponseError,
    JobError,
    JobsWaitTimeoutError,
    JournalError,
    LocalStorageError,
    MissingExtraError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResultExpiredError,
    ResultParseError,
    ResultsNotReadyError,
    ResultTooLargeError,
    ServerError,
    StartOutcomeUnknownError,
    UnsafeURLError,
    WrongEventLoopError,
)
from aiobench.snapshot import JobFailedError, JobSnapshot

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
    "JobFailedError",
    "JobStalledError",
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
    "WaitTimeoutError",
    "WrongEventLoopError",
]


class WaitTimeoutError(JobError, TimeoutError):
    """Raised when a job has not ended within the timeout of `watch()` or `wait()`.

    Attributes:
        snapshot: The last snapshot of the job, or None.
    """

    def __init__(self, message: str, *, job_id: str, snapshot: JobSnapshot | None = None) -> None:
        super().__init__(message, job_id=job_id)
        self.snapshot = snapshot


class JobStalledError(JobError):
    """Raised when a watched job shows no change for `stall_after` seconds.

    Attributes:
        snapshot: The last snapshot of the job, or None.
        last_error: The error of the last poll, or None if it succeeded.
    """

    def __init__(
        self,
        message: str,
        *,
        job_id: str,
        snapshot: JobSnapshot | None = None,
        last_error: APIError | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.snapshot = snapshot
        self.last_error = last_error


for _name in __all__:  # they show and pickle under the name that users import, wherever they are defined
    globals()[_name].__module__ = __name__
