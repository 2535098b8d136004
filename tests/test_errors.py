"""The tree of errors: exactly that of docs/reference/errors.md, each with its attributes, each picklable."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from aiobench import errors
from job_documents import sample_snapshot

TREE: dict[str, tuple[str, ...]] = {
    "AiobenchError": ("Exception",),
    "ConfigurationError": ("AiobenchError", "ValueError"),
    "MissingExtraError": ("AiobenchError", "ImportError"),
    "ClientStateError": ("AiobenchError", "RuntimeError"),
    "ClientClosedError": ("ClientStateError",),
    "WrongEventLoopError": ("ClientStateError",),
    "ForkedClientError": ("ClientStateError",),
    "APIError": ("AiobenchError",),
    "APIConnectionError": ("APIError",),
    "APITimeoutError": ("APIConnectionError", "TimeoutError"),
    "APIStatusError": ("APIError",),
    "BadRequestError": ("APIStatusError",),
    "AuthenticationError": ("APIStatusError",),
    "PermissionDeniedError": ("APIStatusError",),
    "NotFoundError": ("APIStatusError",),
    "ConflictError": ("APIStatusError",),
    "RateLimitError": ("APIStatusError",),
    "ServerError": ("APIStatusError",),
    "InvalidResponseError": ("APIError",),
    "JobError": ("AiobenchError",),
    "JobFailedError": ("JobError",),
    "WaitTimeoutError": ("JobError", "TimeoutError"),
    "JobStalledError": ("JobError",),
    "ResultsNotReadyError": ("JobError",),
    "ResultParseError": ("JobError",),
    "DownloadError": ("JobError",),
    "IntegrityError": ("DownloadError",),
    "ResultExpiredError": ("DownloadError",),
    "UnsafeURLError": ("DownloadError",),
    "ResultTooLargeError": ("DownloadError",),
    "LocalStorageError": ("DownloadError", "OSError"),
    "JobsWaitTimeoutError": ("AiobenchError", "TimeoutError"),
    "StartOutcomeUnknownError": ("AiobenchError",),
    "JournalError": ("AiobenchError",),
}
STATUS = {"status_code": 418, "message": "no", "body": "{}", "retry_after": 1.5, "attempts": 3, "request_id": "r"}
SNAPSHOT = sample_snapshot("failed")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "APIError": {"attempts": 2, "request_id": "r"},
    "APIConnectionError": {"attempts": 2, "maybe_sent": False, "request_id": None},
    "APITimeoutError": {"attempts": 2, "maybe_sent": True},
    **{name: STATUS for name, bases in TREE.items() if "APIStatusError" in (name, *bases)},
    "InvalidResponseError": {"body": "<html>", "too_large": True, "attempts": 2, "request_id": "r"},
    "JobError": {"job_id": "J"},
    "JobFailedError": {"job_id": "J", "snapshot": SNAPSHOT},
    "WaitTimeoutError": {"job_id": "J", "snapshot": None},
    "JobStalledError": {"job_id": "J", "snapshot": SNAPSHOT, "last_error": None},
    "ResultsNotReadyError": {"job_id": "J", "status": "running"},
    "ResultParseError": {"job_id": "J", "line": 7},
    **{name: {"job_id": "J", "url": "https://x.example/r.csv"} for name, bases in TREE.items()
       if "DownloadError" in (name, *bases)},
    "JobsWaitTimeoutError": {"finished": frozenset({"A"}), "pending": frozenset({"B"})},
    "StartOutcomeUnknownError": {"benchmark_id": "B"},
    "JournalError": {"path": "journal.db"},
}  # fmt: skip


def made(name: str) -> errors.AiobenchError:
    """Make an error of each class, with all of its attributes."""
    if name == "MissingExtraError":
        return errors.MissingExtraError("plots", extra="plot")
    cls: Any = getattr(errors, name)
    error: errors.AiobenchError = cls("what happened", **ARGUMENTS.get(name, {}))
    return error


def test_tree_is_the_one_that_is_promised() -> None:
    """The classes, and which derives from which, are those of the interface."""
    found = {
        name: tuple(base.__name__ for base in value.__bases__)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }

    assert found == TREE
    assert sorted(TREE) == sorted(errors.__all__)


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS)))
def test_attributes(name: str) -> None:
    """Each error carries as attributes what it was made of."""
    error = made(name)

    assert ARGUMENTS[name] == {attribute: getattr(error, attribute) for attribute in ARGUMENTS[name]}


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize("copying", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_survive_pickling(name: str, copying: Any) -> None:
    """An error that crossed a process has its class, its text, its notes and its attributes."""
    error = made(name)
    error.add_note("seen in the second worker")

    copied = copying(error)

    assert (type(error), str(error), error.args) == (type(copied), str(copied), copied.args)
    shown = {key: value for key, value in vars(error).items() if key != "snapshot"}
    assert shown == {key: value for key, value in vars(copied).items() if key != "snapshot"}
    assert getattr(error, "snapshot", None) is None or error.snapshot.raw == copied.snapshot.raw  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", TREE)
def test_docstring_says_when(name: str) -> None:
    """Each class says when it is raised, and names its own attributes."""
    doc = getattr(errors, name).__doc__

    assert doc.startswith("Raised ")
    own = set(vars(getattr(errors, name)).get("__annotations__", {})) | set(ARGUMENTS.get(name, {}))
    inherited = {attribute for base in TREE[name] for attribute in ARGUMENTS.get(base, {})}
    assert [attribute for attribute in own - inherited if f"    {attribute}: " not in doc] == []


def test_tree_is_drawn_in_the_module() -> None:
    """The module's docstring draws the whole tree."""
    assert errors.__doc__ is not None
    assert [name for name in TREE if name not in errors.__doc__] == []


def test_missing_extra_names_the_command() -> None:
    """A missing extra is named with the command that installs it."""
    error = errors.MissingExtraError("plots", extra="plot")

    assert (
        error.extra,
        str(error),
    ) == ("plot", "plots needs an optional dependency; install it with: pip install 'aiobench[plot]'")


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ConfigurationError", ValueError),
        ("MissingExtraError", ImportError),
        ("WrongEventLoopError", RuntimeError),
        ("APITimeoutError", TimeoutError),
        ("WaitTimeoutError", TimeoutError),
        ("JobsWaitTimeoutError", TimeoutError),
        ("LocalStorageError", OSError),
    ],
)
def test_errors_are_caught_as_what_they_are(name: str, builtin: type[Exception]) -> None:
    """Code that knows only Python's own classes catches the fitting errors."""
    with pytest.raises(builtin, match=r"what happened|pip install"):
        raise made(name)
