"""The journal of a monitor: a SQLite file that lets a killed process go on. One worker thread does the writing.

Format (`PRAGMA application_id` 0x61696f62, "aiob"; `PRAGMA user_version` 1):

- `origin(base_url)`: one row, the platform that the jobs are of.
- `pending(job_id, benchmark_id)`: jobs whose end is not handled.
- `handled(number, job_id)`: ends that were; only the newest `HANDLED_KEPT` are kept, so that the file does not grow
  for ever.

The file is locked as long as it is open. Committed writes survive the process; those of the last moments before a
power cut may not, and then an end is told again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from aiobench.errors import JournalError

__all__ = ["HANDLED_KEPT", "Journal", "until_done"]

T = TypeVar("T")

APPLICATION_ID = 0x61696F62
VERSION = 1
HANDLED_KEPT = 100_000

SCHEMA = f"""
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE origin (base_url TEXT NOT NULL);
CREATE TABLE pending (job_id TEXT PRIMARY KEY, benchmark_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE handled (number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE);
"""


class Journal:
    """A journal; whatever is done with its file is done by one thread of its own, in order."""

    def __init__(self, path: Path, base_url: str) -> None:
        self._path = path
        self._base_url = base_url
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aiobench-journal")
        self._database: sqlite3.Connection | None = None

    async def open(self) -> list[tuple[str, str]]:
        """Open or make the file, and lock it.

        Returns:
            The jobs to go on with: (job id, benchmark id) of each whose end was not handled.

        Raises:
            JournalError: If the file is locked, foreign, damaged, of another platform, or cannot be written.
        """
        return await self._done(self._open)

    def record(self, jobs: Iterable[tuple[str, str]]) -> Future[set[str]]:
        """Have jobs recorded.

        Returns:
            The ids of those whose end was handled before, which are not to be watched again.
        """
        found = list(jobs)
        return self._soon(lambda: self._record(found))

    async def handle(self, job_id: str) -> None:
        """Record that the end of a job was handled."""
        await self._done(lambda: self._handle(job_id))

    async def aclose(self) -> None:
        """Close the file."""
        with anyio.CancelScope(shield=True):
            await self._done(self._close)
            self._thread.shutdown(wait=False)

    def _soon(self, step: Callable[[], T]) -> Future[T]:
        def translated() -> T:
            with self._errors():
                return step()

        try:
            return self._thread.submit(translated)
        except RuntimeError as error:  # the thread has ended
            raise self._foreign("it is closed") from error

    async def _done(self, step: Callable[[], T]) -> T:
        return await until_done(self._soon(step))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            why = str(error)
            if isinstance(error, sqlite3.OperationalError) and "locked" in why:
                why = "it is in use by another monitor"
            raise JournalError(f"the journal {self._path} cannot be used: {why}", path=str(self._path)) from error

    def _foreign(self, why: str) -> JournalError:
        return JournalError(f"the journal {self._path} cannot be used: {why}", path=str(self._path))

    @property
    def _open_database(self) -> sqlite3.Connection:
        if self._database is None:
            raise self._foreign("it is closed")
        return self._database

    def _open(self) -> list[tuple[str, str]]:
        database = sqlite3.connect(self._path, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")  # takes the lock, and keeps it
            self._check(database)
            database.execute("COMMIT")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("UPDATE origin SET base_url = base_url")  # begins the log now: that takes a while
            pending = database.execute("SELECT job_id, benchmark_id FROM pending").fetchall()
        except BaseException:
            database.close()
            raise
        self._database = database
        return pending

    def _check(self, database: sqlite3.Connection) -> None:
        """Make the tables of a new file; refuse one that is not ours."""
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not application:
            for statement in filter(str.strip, SCHEMA.split(";")):
                database.execute(statement)
            database.execute("INSERT INTO origin VALUES (?)", (self._base_url,))
            return
        if application != APPLICATION_ID:
            raise self._foreign("it is a database of something else")
        if version != VERSION:
            raise self._foreign(f"it has format {version}, and this aiobench knows format {VERSION}")
        (base_url,) = database.execute("SELECT base_url FROM origin").fetchone()
        if base_url != self._base_url:
            raise self._foreign(f"its jobs are of {base_url}, not of {self._base_url}")

    def _record(self, jobs: list[tuple[str, str]]) -> set[str]:
        database = self._open_database
        with self._transaction(database):
            known = {
                job_id
                for job_id, _ in jobs
                if database.execute("SELECT 1 FROM handled WHERE job_id = ?", (job_id,)).fetchone()
            }
            fresh = [job for job in jobs if job[0] not in known]
            database.executemany(
                "INSERT INTO pending VALUES (?, ?) ON CONFLICT (job_id) DO UPDATE SET benchmark_id = "
                "CASE WHEN excluded.benchmark_id = '' THEN benchmark_id ELSE excluded.benchmark_id END",
                fresh,
            )
        return known

    def _handle(self, job_id: str) -> None:
        database = self._open_database
        with self._transaction(database):
            database.execute("DELETE FROM pending WHERE job_id = ?", (job_id,))
            added = database.execute("INSERT OR IGNORE INTO handled (job_id) VALUES (?)", (job_id,))
            if added.lastrowid:
                database.execute("DELETE FROM handled WHERE number <= ?", (added.lastrowid - HANDLED_KEPT,))

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    @staticmethod
    @contextmanager
    def _transaction(database: sqlite3.Connection) -> Iterator[None]:
        database.execute("BEGIN")
        try:
            yield
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


async def until_done(future: Future[T]) -> T:
    """Wait for what another thread does; it is not cancelled with the one who waits."""
    return await anyio.to_thread.run_sync(future.result)
