"""aiobench: benchmark jobs of the aiXplain platform, async first.

Start with `Client`; `aiobench.sync` has the same names without `await`.
"""

from aiobench._results.explanations import Explanations
from aiobench._results.scores import ScoreDetail, ScoreRow
from aiobench._version import __version__
from aiobench._watch.policy import PollPolicy
from aiobench._wire.benchmarks import MetricSpec, ModelSpec
from aiobench._wire.documents import Iteration, Progress, Score
from aiobench._wire.statuses import PENDING_STATUSES, TERMINAL_STATUSES
from aiobench.benchmark import Benchmark
from aiobench.client import Client
from aiobench.errors import (
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
    JobFailedError,
    JobStalledError,
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
    WaitTimeoutError,
    WrongEventLoopError,
)
from aiobench.job import BenchmarkJob
from aiobench.snapshot import JobSnapshot

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AiobenchError",
    "AuthenticationError",
    "BadRequestError",
    "Benchmark",
    "BenchmarkJob",
    "Client",
    "ClientClosedError",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "DownloadError",
    "Explanations",
    "ForkedClientError",
    "IntegrityError",
    "InvalidResponseError",
    "Iteration",
    "JobError",
    "JobFailedError",
    "JobSnapshot",
    "JobStalledError",
    "JobsWaitTimeoutError",
    "JournalError",
    "LocalStorageError",
    "MetricSpec",
    "MissingExtraError",
    "ModelSpec",
    "NotFoundError",
    "PENDING_STATUSES",
    "PermissionDeniedError",
    "PollPolicy",
    "Progress",
    "RateLimitError",
    "ResultExpiredError",
    "ResultParseError",
    "ResultTooLargeError",
    "ResultsNotReadyError",
    "Score",
    "ScoreDetail",
    "ScoreRow",
    "ServerError",
    "StartOutcomeUnknownError",
    "TERMINAL_STATUSES",
    "UnsafeURLError",
    "WaitTimeoutError",
    "WrongEventLoopError",
    "__version__",
]
