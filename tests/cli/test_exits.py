"""What errors and the ends of jobs mean for the exit status."""

from __future__ import annotations

import pytest

from aiobench.cli.exits import Exit, exit_of, printable, sentence, worst
from aiobench.errors import (
    AiobenchError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    InvalidResponseError,
    JobsWaitTimeoutError,
    LocalStorageError,
    MissingExtraError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StartOutcomeUnknownError,
    WaitTimeoutError,
)

ERRORS: list[tuple[AiobenchError, Exit]] = [
    (ConfigurationError("no key"), Exit.USAGE),
    (MissingExtraError("plots", extra="plot"), Exit.USAGE),
    (AuthenticationError("no", status_code=401), Exit.REFUSED),
    (PermissionDeniedError("no", status_code=403), Exit.REFUSED),
    (NotFoundError("no", status_code=404), Exit.REFUSED),
    (BadRequestError("no", status_code=400), Exit.REFUSED),
    (ConflictError("later", status_code=409), Exit.NO_VERDICT),
    (RateLimitError("later", status_code=429), Exit.NO_VERDICT),
    (ServerError("down", status_code=503), Exit.NO_VERDICT),
    (APIConnectionError("down"), Exit.NO_VERDICT),
    (APITimeoutError("slow"), Exit.NO_VERDICT),
    (InvalidResponseError("HTML"), Exit.NO_VERDICT),
    (StartOutcomeUnknownError("lost", benchmark_id="b"), Exit.NO_VERDICT),
    (LocalStorageError("full", job_id="j"), Exit.NO_VERDICT),
    (WaitTimeoutError("late", job_id="j"), Exit.LATE),
    (JobsWaitTimeoutError("late", finished=frozenset(), pending=frozenset({"j"})), Exit.LATE),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_kind_of_error_has_its_exit_status(error: AiobenchError, status: Exit) -> None:
    """Settings are 2, refusals 3, lateness 4, and what allows no verdict is 5; no trouble of the network is 0 or 1."""
    assert exit_of(error) == status


@pytest.mark.parametrize(
    ("several", "status"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 1], 1),
        ([1, 4, 0], 4),
        ([1, 4, 5], 5),
        ([0, 1, 4, 5, 3], 3),
    ],
)
def test_the_worst_of_many_jobs_counts(several: list[int], status: int) -> None:
    """Over many jobs the worst exit status counts, in the order 3, 5, 4, 1, 0."""
    assert worst(map(Exit, several)) == status


def test_an_error_is_one_printable_line() -> None:
    """Line breaks become spaces and control characters are escaped: a server's text must not steer a terminal."""
    assert sentence(ValueError("first\nsecond \x1b[31mred")) == "first second \\x1b[31mred"
    assert printable("Übersetzung 翻訳") == "Übersetzung 翻訳"
