"""The file of a journal: locked for one process, and neither deleted nor replaced unnoticed.

The file is locked as long as it is open: by `flock`, as the locks that SQLite takes on POSIX are lost when the process
closes any other handle of the file, for example after copying it. On Windows SQLite's own locks hold, and
the lock of one byte behind the file's end says who it is that uses the file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from aiobench._files import lock
from aiobench.errors import ConfigurationError, JournalError

__all__ = ["ExclusiveFile", "checked_path"]


def checked_path(journal: object) -> Path:
    """Return the path of a journal.

    Raises:
        ConfigurationError: If it is not a path of a file.
    """
    if not isinstance(journal, str | os.PathLike) or not isinstance(os.fspath(journal), str):
        raise ConfigurationError(f"journal= must be the path of a file, not {journal!r}")
    if os.fspath(journal) == ":memory:":
        raise ConfigurationError(
            "journal=':memory:' would be lost with the process, and a journal is what must outlive it: name a file"
        )
    try:
        return Path(journal).expanduser()
    except RuntimeError as error:  # no such user
        raise ConfigurationError(f"journal={os.fspath(journal)!r}: {error}") from error


class ExclusiveFile:
    """A database file and the log that SQLite keeps beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._identities: dict[Path, tuple[int, int]] = {}

    def lock(self) -> None:
        """Create the file if there is none, and lock it.

        Raises:
            JournalError: If there is no such folder, it is not a file, or another process uses it.
            OSError: If the system refuses it.
        """
        if not self.path.parent.is_dir():
            raise self.unusable(f"there is no folder {self.path.parent}")
        if self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode):
            raise self.unusable("it is not a file")
        self._lock = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            lock(self._lock)
        except BlockingIOError as error:
            raise self.unusable("it is in use by another monitor") from error
        except OSError:  # a file system without such locks
            return

    def unlock(self) -> None:
        """Release the lock, if it is held."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def remember(self) -> None:
        """Remember which files these are, for `check()`."""
        for path in (self.path, self.path.with_name(self.path.name + "-wal")):
            with contextlib.suppress(FileNotFoundError):  # no log, where the file system cannot have one
                found = path.stat()
                self._identities[path] = found.st_dev, found.st_ino

    def check(self) -> None:
        """Raise `JournalError` if one was deleted or replaced."""
        for path, identity in self._identities.items():
            try:
                found = path.stat()
            except FileNotFoundError as error:
                raise self.unusable(f"{path} was deleted while a monitor used it") from error
            if (found.st_dev, found.st_ino) != identity:
                raise self.unusable(f"{path} was replaced while a monitor used it")

    def unusable(self, why: str) -> JournalError:
        """Create the error that says why the journal cannot be used."""
        path = str(self.path).encode(errors="replace").decode()
        return JournalError(f"the journal {path} cannot be used: {why}", path=path)
