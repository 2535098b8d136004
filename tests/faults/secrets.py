"""What must never be shown, and where it is looked for (F18)."""

from __future__ import annotations

import io
import logging
import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, TypeVar

from tblib.pickling_support import pickle_exception, pickle_traceback

from aiobench.errors import AiobenchError

KEY = "canary-key-0d9f27c1"
SIGNATURE = "canary-signature-77ab30e5"
SIGNED = f"?X-Amz-Signature={SIGNATURE}&X-Amz-Expires=60"

E = TypeVar("E", bound=BaseException)


def assert_clean(text: str, where: str) -> None:
    """Check that a text holds no secret."""
    for secret in (KEY, SIGNATURE):
        assert secret not in text, f"F18: {secret} is shown in {where}: {text[:2000]}"


class Watchman(logging.Handler):
    """Reads every log record of the process while a test runs, whatever library it comes from."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.leaks: list[str] = []
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record)
        if record.levelno >= logging.WARNING:
            self.warnings.append(text)
        record.msg, record.args = record.getMessage(), ()  # pytest keeps records, and errors in them keep what leaks
        if KEY in text or SIGNATURE in text:
            self.leaks.append(f"{record.name}: {text}")


class Caught(Generic[E]):
    """What `raises()` caught; there once its block is left."""

    value: E


@contextmanager
def raises(kind: type[E], *, match: str = "", exactly: bool = True) -> Iterator[Caught[E]]:
    """Expect *kind*, not a subclass where *exactly*, and look for secrets in everything that the error shows."""
    caught: Caught[E] = Caught()
    try:
        yield caught
    except kind as error:
        caught.value = error
    else:
        raise AssertionError(f"no {kind.__name__} was raised")
    _look_at(caught.value)
    if exactly and type(caught.value) is not kind:
        raise AssertionError(f"{type(caught.value).__name__} instead of {kind.__name__}") from caught.value
    assert re.search(match, str(caught.value)), caught.value


class _WithCauses:
    """Reducers of all exceptions, with what led to them: as Dask installs them for good when it sends one."""

    def __getitem__(self, kind: type) -> Callable[[Any], Any]:
        if issubclass(kind, BaseException):
            return pickle_exception
        if kind is TracebackType:
            return pickle_traceback
        raise KeyError(kind)


def _pickled(error: BaseException, reducers: Any) -> bytes:
    """Pickle with these reducers and no others, whatever else was imported in this process."""
    data = io.BytesIO()
    pickler = pickle.Pickler(data)
    pickler.dispatch_table = reducers
    pickler.dump(error)
    return data.getvalue()


def _look_at(error: BaseException) -> None:
    shown = ["".join(traceback.format_exception(error)), str(error), repr(error)]
    if isinstance(error, AiobenchError):
        for reducers in ({}, _WithCauses()):
            data = _pickled(error, reducers)
            again = pickle.loads(data)
            assert (type(again), str(again)) == (type(error), str(error))
            shown.append(data.decode("latin-1"))
        shown.append(repr(vars(error)))
    for text in shown:
        assert_clean(text, f"a {type(error).__name__}")
