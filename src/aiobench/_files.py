"""Files that appear whole or not at all, that are locked, and that a power cut leaves: as each system can."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["IS_WINDOWS", "lock", "move", "publish", "sync_folder"]

IS_WINDOWS = sys.platform == "win32"  # a file that is open can be neither moved nor removed
TRIES, PAUSE = 50, 0.02  # seconds between them
_moving = threading.Lock()
LAST_BYTE = 2**31 - 1  # that Windows can be asked to lock, and behind the end of any file of ours


def publish(path: Path, write: Callable[[Path], object]) -> None:
    """Let *write* fill a file beside *path*, then put it in its place; *path* keeps its content until then."""
    part = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
    try:
        write(part)
        move(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def move(path: Path, target: Path) -> None:
    """Put a file in the place of *target*.

    On Windows this fails as long as a program has *target* open or replaces it, which is mostly short: a virus scanner
    looks at each new file. Threads of ours take turns.
    """
    for _ in range(TRIES if IS_WINDOWS else 0):
        try:
            with _moving:
                path.replace(target)
        except PermissionError:
            time.sleep(PAUSE)
        else:
            return
    path.replace(target)


def lock(descriptor: int, *, wait: bool = False) -> None:
    """Lock a file for as long as it is open.

    Raises:
        BlockingIOError: If another holds the lock, and *wait* is false.
        OSError: If the file system has no locks.
    """
    if sys.platform == "win32":
        os.lseek(descriptor, LAST_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise
            raise BlockingIOError(errno.EACCES, "the file is locked by another program") from error
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def sync_folder(folder: Path) -> None:
    """Make sure that a new file's entry in its folder survives a power cut."""
    if IS_WINDOWS:  # it does without this
        return
    with suppress(OSError):  # a file system that refuses it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
