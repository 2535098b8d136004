"""A file that is complete or absent: written beside its target, then moved into place (F21). Blocking.

Each part file is locked by its writer, so that one left behind by a killed process can be distinguished from one in
use. On Windows a file that is open can be neither removed nor moved: its writer closes it just before moving it, and so
others leave it alone until it is old.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from aiobench._files import IS_WINDOWS, lock, move, sync_folder

__all__ = ["PartFile"]

T = TypeVar("T")

SUFFIX = ".aiobench-part"
NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
LEFT_BEHIND = 3600.0  # seconds since it was last written to, on Windows
LONGEST_NAME = 180  # bytes of the target's name that go into the part file's: file systems take 255 in all


class PartFile:
    """An unfinished file beside *target*.

    Its steps run in worker threads, and asyncio can cancel the task that waits for one, which does not stop the step:
    so whichever comes last, the step or `discard()`, removes the file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._state = threading.Lock()
        self._is_busy = self._is_discarded = False

    def open(self) -> None:
        """Create the file, and remove those that killed processes left behind."""
        self._step(self._open)

    def write(self, data: bytes) -> None:
        self._step(lambda: self._write(data))

    def restart(self) -> None:
        """Discard what was written."""
        self._step(self._restart)

    def publish(self) -> None:
        """Move the file into place: from now on the target is complete and new."""
        self._step(self._publish)

    def discard(self) -> None:
        """Remove the file, unless it was published."""
        with self._state:
            self._is_discarded = True
            if not self._is_busy:
                self._remove()

    def _step(self, step: Callable[[], T]) -> T:
        with self._state:
            if self._is_discarded:
                raise OSError("the download was given up")
            self._is_busy = True
        try:
            return step()
        finally:
            with self._state:
                self._is_busy = False
                if self._is_discarded:
                    self._remove()

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            with contextlib.suppress(OSError):  # the folder may be gone, too; the next download tries again
                self._path.unlink(missing_ok=True)

    def _open(self) -> None:
        self.target = Path(os.path.realpath(self.target))  # a link stays, and what it points to is replaced
        if self.target.is_dir():
            raise IsADirectoryError(f"{self.target} is a folder")
        if self.target.exists() and not self.target.is_file():
            raise OSError(f"{self.target} is no file but a pipe, a socket or a device")
        prefix = f".{os.fsdecode(os.fsencode(self.target.name)[:LONGEST_NAME])}."
        with contextlib.suppress(PermissionError):  # a folder that may be written and not be read
            _remove_left_behind(self.target.parent, prefix)
        while self._file is None:
            path = self.target.with_name(f"{prefix}{secrets.token_hex(8)}{SUFFIX}")
            # not tempfile's: the result gets the permissions that a file of the user's gets
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(path, flags, 0o666), "wb", buffering=0)
            self._path = path
            if not _is_locked_and_there(self._file):  # another writer took it for one left behind just now
                self._file.close()
                self._file = None
        assert self._path is not None
        # What replaces a private file is private, from the beginning. There may be no such file, and not every file
        # system knows permissions.
        with contextlib.suppress(OSError):
            self._path.chmod(self.target.stat().st_mode & 0o777)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._opened.write(view) :]

    def _restart(self) -> None:
        self._opened.seek(0)
        self._opened.truncate()

    def _publish(self) -> None:
        assert self._path is not None
        _sync(self._opened.fileno())
        if IS_WINDOWS:
            self._opened.close()
        move(self._path, self.target)
        self._opened.close()
        sync_folder(self.target.parent)

    @property
    def _opened(self) -> IO[bytes]:
        assert self._file is not None
        return self._file


def _sync(descriptor: int) -> None:
    """Wait until a file is on disk, if the file system supports that."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise


def _is_locked_and_there(file: IO[bytes]) -> bool:
    if IS_WINDOWS:
        return True
    with contextlib.suppress(OSError):  # a file system without locks
        lock(file.fileno(), wait=True)  # waits, if at all, for one who is about to remove the file
    return os.fstat(file.fileno()).st_nlink > 0


def _remove_left_behind(folder: Path, prefix: str) -> None:
    # not by `glob()`, which keeps a compiled pattern for each of the last 32,768 names
    for name in os.listdir(folder):  # noqa: PTH208 - names are all it takes
        if name.startswith(prefix) and name.endswith(SUFFIX):
            path = folder / name
            with contextlib.suppress(OSError):  # held by another, or gone meanwhile
                found = path.lstat()
                if not stat.S_ISREG(found.st_mode):  # not ours; and to open a pipe would wait for its writer
                    continue
                if not IS_WINDOWS:
                    with path.open("rb") as file:
                        lock(file.fileno())
                        path.unlink()
                elif time.time() - found.st_mtime > LEFT_BEHIND:
                    path.unlink()
