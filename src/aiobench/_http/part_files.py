"""A file that is whole or not there: written beside its target, then put in its place (FAULTS F21). Blocking.

Each part file is locked by whoever writes it, so that one that a killed process left behind can be told from one in
use. Where there is no `flock` (Windows), a file in use cannot be removed anyway.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["PartFile"]

SUFFIX = ".aiobench-part"


class PartFile:
    """A file in the making, beside *target*."""

    def __init__(self, target: Path) -> None:
        self.target = Path(os.path.realpath(target))  # a link stays, and what it points to is replaced
        if self.target.is_dir():
            raise IsADirectoryError(f"{self.target} is a folder")
        self._remove_left_behind()
        self.path = self.target.with_name(f"{self._prefix}{secrets.token_hex(8)}{SUFFIX}")
        self._file: IO[bytes] = self._opened()

    @property
    def _prefix(self) -> str:
        return f".{self.target.name[:180]}."

    def _opened(self) -> IO[bytes]:
        # not tempfile's: the result gets the permissions that a file of the user's gets
        descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666)
        file = os.fdopen(descriptor, "wb", buffering=0)
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def restart(self) -> None:
        """Throw away what was written."""
        self._file.seek(0)
        self._file.truncate()

    def publish(self) -> Path:
        """Put the file in its place: from now on the target is whole and new."""
        os.fsync(self._file.fileno())
        self.path.replace(self.target)
        self._file.close()
        if fcntl is not None:  # the folder's entry, too, shall survive a power cut
            folder = os.open(self.target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return self.target

    def discard(self) -> None:
        """Remove the file, unless it was published."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _remove_left_behind(self) -> None:
        for path in self.target.parent.glob(f"{_literal(self._prefix)}*{SUFFIX}"):
            with contextlib.suppress(OSError), path.open("rb") as file:  # held by another, or gone meanwhile
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _literal(name: str) -> str:
    """Escape *name* for `glob`."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)
