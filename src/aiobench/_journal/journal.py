"""The records of a journal, in SQLite: what must survive the process.

Format (`PRAGMA application_id` 0x61696f62, "aiob"; `PRAGMA user_version` 2; version 1 lacked notes and starts):

- `origin(base_url)`: one row, the platform that the jobs belong to.
- `pending(job_id, benchmark_id)`: jobs whose end is not handled.
- `handled(number, job_id, benchmark_id)`: ends that were handled; the newest `HANDLED_KEPT` are kept.
- `notes(job_id, note)`: the notes of both, as JSON.
- `starts(number, benchmark_id, note, before, at)`: starts whose outcome is not recorded: the ids of the jobs that the
  benchmark had before, as JSON, and the Unix time.

Every change is synced to the disk before it counts as made (F36).
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import frozen

from aiobench._files import sync_folder
from aiobench._journal.exclusive_file import ExclusiveFile
from aiobench._wire.routes import checked_id
from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HANDLED_KEPT", "Contents", "Journal", "Record", "Wish"]


APPLICATION_ID = 0x61696F62
VERSION = 2
HANDLED_KEPT = 100_000

TABLES = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE origin (base_url TEXT NOT NULL)",
    "CREATE TABLE pending (job_id TEXT PRIMARY KEY, benchmark_id TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE handled (number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE)",
)
FROM_1_TO_2 = (
    "CREATE TABLE notes (job_id TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID",
    "ALTER TABLE handled ADD COLUMN benchmark_id TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE starts (
        number INTEGER PRIMARY KEY AUTOINCREMENT, benchmark_id TEXT NOT NULL, note TEXT, before TEXT, at REAL NOT NULL
    )""",
    f"PRAGMA user_version = {VERSION}",
)


@frozen
class Record:
    """A job in the journal; the note is JSON text, None for none."""

    job_id: str
    benchmark_id: str = ""
    note: str | None = None


@frozen
class Wish:
    """A start that was about to be requested.

    Attributes:
        number: Its number in the journal.
        benchmark_id: The benchmark.
        note: The note for the job, as JSON text.
        before: The ids of the jobs that the benchmark had before; None if their list was too long.
        at: When it was recorded, in Unix time.
    """

    number: int
    benchmark_id: str
    note: str | None
    before: frozenset[str] | None
    at: float


@frozen
class Contents:
    """What an earlier process left: jobs to resume, how many ends it handled, and starts to clear up."""

    pending: tuple[Record, ...]
    handled: int
    starts: tuple[Wish, ...]


class Journal:
    """A journal; used by one thread at a time.

    Every method raises `JournalError` if the file is in use, damaged, of something else, deleted, replaced, or cannot
    be written.
    """

    def __init__(self, path: Path, base_url: str) -> None:
        self._file = ExclusiveFile(path)
        self._base_url = base_url
        self._database: sqlite3.Connection | None = None

    def open(self) -> Contents:
        """Open or create the file, lock it, and read what an earlier process left."""
        try:
            with self._errors():
                self._file.lock()
                self._database = database = sqlite3.connect(
                    self._file.path, timeout=0.0, isolation_level=None, check_same_thread=False
                )
                database.execute("PRAGMA locking_mode = EXCLUSIVE")
                database.execute("BEGIN EXCLUSIVE")  # takes SQLite's lock, and keeps it
                self._check(database)
                database.execute("COMMIT")
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = FULL")
                database.execute("UPDATE origin SET base_url = base_url")  # begins the log now: that takes a while
                sync_folder(self._file.path.parent)
                self._file.remember()
                return self._contents(database)
        except BaseException:
            self.close()
            raise

    def handled(self) -> list[Record]:
        """Return the jobs whose ends were handled, the oldest first."""
        with self._transaction() as database:
            query = "SELECT job_id, benchmark_id, note FROM handled LEFT JOIN notes USING (job_id) ORDER BY number"
            return [self._record(row) for row in database.execute(query).fetchall()]

    def add(self, records: Iterable[Record]) -> set[str]:
        """Record jobs; return the ids of those whose end was handled before, which are not recorded again."""
        found = list(records)
        with self._transaction() as database:
            known = {each.job_id for each in found if self._is_in(database, "handled", each.job_id)}
            self._insert(database, (each for each in found if each.job_id not in known))
        return known

    def handle(self, record: Record) -> None:
        """Record that the end of a job was handled."""
        with self._transaction() as database:
            database.execute("DELETE FROM pending WHERE job_id = ?", (record.job_id,))
            added = database.execute(
                "INSERT OR IGNORE INTO handled (job_id, benchmark_id) VALUES (?, ?)",
                (record.job_id, record.benchmark_id),
            )
            if added.rowcount and added.lastrowid:
                last = (added.lastrowid - HANDLED_KEPT,)
                database.execute(
                    "DELETE FROM notes WHERE job_id IN (SELECT job_id FROM handled WHERE number <= ?)", last
                )
                database.execute("DELETE FROM handled WHERE number <= ?", last)

    def begin_start(self, benchmark_id: str, note: str | None, before: frozenset[str] | None) -> Wish:
        """Record that a job is about to be started."""
        now, ids = time.time(), None if before is None else json.dumps(sorted(before))
        insert = "INSERT INTO starts (benchmark_id, note, before, at) VALUES (?, ?, ?, ?)"
        with self._transaction() as database:
            number = database.execute(insert, (benchmark_id, note, ids, now)).lastrowid
        return Wish(number or 0, benchmark_id, note, before, now)

    def end_start(self, number: int, job: Record | None) -> None:
        """Record the outcome of a start: a job to watch, or none."""
        with self._transaction() as database:
            database.execute("DELETE FROM starts WHERE number = ?", (number,))
            if job is not None and not self._is_in(database, "handled", job.job_id):
                self._insert(database, [job])

    def unknown(self, job_ids: Iterable[str]) -> set[str]:
        """Return those of the ids that the journal does not know."""
        with self._transaction() as database:
            return {
                each
                for each in job_ids
                if not self._is_in(database, "pending", each) and not self._is_in(database, "handled", each)
            }

    def close(self) -> None:
        """Close the file and release the lock."""
        try:
            if self._database is not None:
                self._database.close()
        finally:
            self._database = None
            self._file.unlock()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            is_locked = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
            raise self._file.unusable("it is in use by another program" if is_locked else str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            database = self._database
            if database is None:
                raise self._file.unusable("it is closed")
            self._file.check()
            database.execute("BEGIN")
            try:
                yield database
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # the first error says more
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    # -- what is in it -----------------------------------------------------------------------------------------

    def _check(self, database: sqlite3.Connection) -> None:
        """Create the tables of a new file, upgrade those of an old one, and refuse a file that is not ours."""
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not application:
            for statement in (*TABLES, *FROM_1_TO_2):
                database.execute(statement)
            database.execute("INSERT INTO origin VALUES (?)", (self._base_url,))
            return
        if application != APPLICATION_ID:
            raise self._file.unusable("it is a database of something else")
        if not 1 <= version <= VERSION:
            raise self._file.unusable(
                f"it has format {version}, and this version of aiobench reads formats 1 to {VERSION}: "
                "use the version that wrote it, or another file"
            )
        origins = database.execute("SELECT base_url FROM origin").fetchall()
        if len(origins) != 1:
            raise self._file.unusable("it is damaged: it must name one platform")
        (base_url,) = origins[0]
        if base_url != self._base_url:
            raise self._file.unusable(f"its jobs are of {base_url}, not of {self._base_url}")
        if version == 1:
            for statement in FROM_1_TO_2:
                database.execute(statement)

    def _contents(self, database: sqlite3.Connection) -> Contents:
        query = "SELECT job_id, benchmark_id, note FROM pending LEFT JOIN notes USING (job_id)"
        pending = database.execute(query).fetchall()
        (handled,) = database.execute("SELECT count(*) FROM handled").fetchone()
        starts = database.execute("SELECT number, benchmark_id, note, before, at FROM starts").fetchall()
        return Contents(tuple(map(self._record, pending)), handled, tuple(map(self._wish, starts)))

    def _record(self, row: tuple[Any, ...]) -> Record:
        job_id, benchmark_id, note = row
        with self._sense():
            checked_id(job_id, "job id")
            if benchmark_id != "":
                checked_id(benchmark_id, "benchmark id")
            self._check_note(note)
        return Record(job_id, benchmark_id, note)

    def _wish(self, row: tuple[Any, ...]) -> Wish:
        number, benchmark_id, note, before, at = row
        with self._sense():
            checked_id(benchmark_id, "benchmark id")
            self._check_note(note)
            ids = None if before is None else frozenset(map(str, json.loads(before)))
            return Wish(number, benchmark_id, note, ids, float(at))

    @staticmethod
    def _check_note(note: object) -> None:
        if note is not None:
            json.loads(note)  # type: ignore[arg-type]

    @contextmanager
    def _sense(self) -> Iterator[None]:
        try:
            yield
        except (ConfigurationError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self._file.unusable(f"it is damaged: {error}") from error

    @staticmethod
    def _is_in(database: sqlite3.Connection, table: str, job_id: str) -> bool:
        query = f"SELECT 1 FROM {table} WHERE job_id = ?"  # noqa: S608 - one of two tables
        return database.execute(query, (job_id,)).fetchone() is not None

    @staticmethod
    def _insert(database: sqlite3.Connection, records: Iterable[Record]) -> None:
        found = list(records)
        database.executemany(
            "INSERT INTO pending (job_id, benchmark_id) VALUES (?, ?) ON CONFLICT (job_id) DO UPDATE SET "
            "benchmark_id = CASE WHEN excluded.benchmark_id = '' THEN benchmark_id ELSE excluded.benchmark_id END",
            ((each.job_id, each.benchmark_id) for each in found),
        )
        database.executemany(
            "INSERT OR REPLACE INTO notes (job_id, note) VALUES (?, ?)",
            ((each.job_id, each.note) for each in found if each.note is not None),
        )
