"""Benchmarks and jobs in one SQLite file.

A `Store` belongs to the thread that opened it. The journal is a write-ahead log, so the server's reads never wait
for the jobs' writes.
"""

from __future__ import annotations

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec
from msgspec import Raw

from aiobench.local.engine.benchmarks import Benchmark
from aiobench.local.engine.records import TERMINAL, Iteration, Job, SegmentResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from aiobench.local.catalogue.metrics import Metric

__all__ = ["Store"]

WAL_PAGES = 128  # half a megabyte: on a small disk, the log must not take the room of what it logs

_SCORES = msgspec.json.Decoder(tuple[float | None, ...])

_SCHEMA = """
CREATE TABLE IF NOT EXISTS benchmarks (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, benchmark_id TEXT NOT NULL REFERENCES benchmarks (id),
    status TEXT NOT NULL, segments INTEGER NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    started REAL, ended REAL, explanation TEXT);
CREATE INDEX IF NOT EXISTS jobs_of_benchmark ON jobs (benchmark_id);
CREATE INDEX IF NOT EXISTS jobs_by_change ON jobs (updated);
CREATE TABLE IF NOT EXISTS iterations (
    job_id TEXT NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL, status TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, credits REAL NOT NULL DEFAULT 0,
    runtime REAL NOT NULL DEFAULT 0, scores TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (job_id, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (
    job_id TEXT NOT NULL REFERENCES jobs (id), number INTEGER NOT NULL, segment INTEGER NOT NULL,
    hypothesis TEXT, failure TEXT, scores TEXT NOT NULL, credits REAL NOT NULL, runtime REAL NOT NULL,
    PRIMARY KEY (job_id, number, segment)) WITHOUT ROWID;
"""


class Store:
    """The open file.

    Args:
        path: The path of the file; created if there is none.
        metrics: Those that benchmarks may name.
    """

    def __init__(self, path: Path, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
        try:
            self._db.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                f"PRAGMA wal_autocheckpoint={WAL_PAGES}; PRAGMA journal_size_limit={WAL_PAGES * 4096};" + _SCHEMA
            )
        except sqlite3.Error:  # Python 3.13 warns of a connection that is left to the garbage collector
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add_benchmark(self, benchmark: Benchmark) -> None:
        """Store a new benchmark."""
        self._db.execute("INSERT INTO benchmarks VALUES (?, ?)", (benchmark.id, benchmark.to_json()))

    def benchmark(self, benchmark_id: str) -> Benchmark | None:
        """Return a benchmark, or None."""
        row = self._db.execute("SELECT body FROM benchmarks WHERE id = ?", (benchmark_id,)).fetchone()
        return Benchmark.from_json(row[0], self._metrics) if row else None

    def add_job(self, job_id: str, benchmark: Benchmark, segments: int) -> None:
        """Store a new job as queued."""
        now = time.time()
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT INTO jobs (id, benchmark_id, status, segments, created, updated)"
                " VALUES (?, ?, 'queued', ?, ?, ?)",
                (job_id, benchmark.id, segments, now, now),
            )
            self._db.executemany(
                "INSERT INTO iterations (job_id, number, status) VALUES (?, ?, 'queued')",
                [(job_id, number) for number in range(len(benchmark.models))],
            )

    def job(self, job_id: str) -> Job | None:
        """Return a job, or None."""
        row = self._db.execute(
            "SELECT body, status, segments, created, updated, started, ended, explanation"
            " FROM jobs JOIN benchmarks ON benchmarks.id = benchmark_id WHERE jobs.id = ?",
            (job_id,),
        ).fetchone()
        if row is None:
            return None
        body, status, segments, created, updated, started, ended, explanation = row
        iterations = self._db.execute(
            "SELECT number, status, done, failed, credits, runtime, scores FROM iterations WHERE job_id = ?"
            " ORDER BY number",
            (job_id,),
        )
        return Job(
            id=job_id,
            benchmark=Benchmark.from_json(body, self._metrics),
            status=status,
            segments=segments,
            created=created,
            updated=updated,
            started=started,
            ended=ended,
            explanation=Raw(explanation.encode()) if explanation else None,
            iterations=tuple(
                Iteration(number, status, done, failed, credit, runtime, Raw(scores.encode()))
                for number, status, done, failed, credit, runtime, scores in iterations
            ),
        )

    def jobs_of(self, benchmark_id: str) -> list[tuple[str, str, float, float]]:
        """Return a benchmark's jobs, oldest first: id, status, created, updated."""
        return self._db.execute(
            "SELECT id, status, created, updated FROM jobs WHERE benchmark_id = ? ORDER BY seq",
            (benchmark_id,),
        ).fetchall()

    def overview(self, since: float, latest: int | None = None) -> list[dict[str, Any]]:
        """Summarize the jobs that changed at that time or later, oldest first; with a limit, only the latest."""
        rows = self._db.execute(
            "SELECT jobs.id, json_extract(body, '$.name'), jobs.status, created, updated,"
            " segments * count(*), sum(done), sum(failed) FROM jobs"
            " JOIN benchmarks ON benchmarks.id = benchmark_id JOIN iterations ON job_id = jobs.id"
            " WHERE updated >= ? GROUP BY seq ORDER BY seq DESC LIMIT ?",
            (since, -1 if latest is None else latest),
        )
        names: list[str] = ["id", "name", "status", "created", "updated", "total", "done", "failed"]
        return [dict(zip(names, row, strict=True)) for row in rows][::-1]

    def unfinished(self) -> list[str]:
        """Return the ids of unfinished jobs, oldest first."""
        rows = self._db.execute("SELECT id FROM jobs WHERE status NOT IN (?, ?, ?) ORDER BY seq", TERMINAL)
        return [job_id for (job_id,) in rows]

    def begin_job(self, job_id: str) -> bool:
        """Record that a job runs, keeping its first start. Return False if it is canceled."""
        now = time.time()
        begun = self._db.execute(
            "UPDATE jobs SET status = 'in_progress', started = coalesce(started, ?), updated = ?"
            " WHERE id = ? AND status IN ('queued', 'in_progress')",
            (now, now, job_id),
        )
        return begun.rowcount == 1

    def cancel_job(self, job_id: str) -> bool:
        """Request that a job be canceled. Return False if it has ended."""
        wanted = self._db.execute(
            "UPDATE jobs SET status = 'canceling', updated = ?"
            " WHERE id = ? AND status IN ('queued', 'in_progress', 'canceling')",
            (time.time(), job_id),
        )
        return wanted.rowcount == 1

    def end_canceled(self, job_id: str) -> bool:
        """End a job and its iterations if its cancellation was requested; return whether it was."""
        now = time.time()
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            ended = self._db.execute(
                "UPDATE jobs SET status = 'canceled', ended = ?, updated = ? WHERE id = ? AND status = 'canceling'",
                (now, now, job_id),
            )
            if ended.rowcount == 1:
                self._db.execute(
                    "UPDATE iterations SET status = 'canceled' WHERE job_id = ? AND status NOT IN (?, ?, ?)",
                    (job_id, *TERMINAL),
                )
        return ended.rowcount == 1

    def end_job(self, job_id: str, status: str, explanation: dict[str, Any] | None) -> None:
        """Record how a job ended, unless its cancellation was requested."""
        now = time.time()
        self._db.execute(
            "UPDATE jobs SET status = ?, explanation = ?, ended = ?, updated = ?"
            " WHERE id = ? AND status = 'in_progress'",
            (status, json.dumps(explanation) if explanation else None, now, now, job_id),
        )

    def record(self, job_id: str, number: int, results: Sequence[SegmentResult]) -> None:
        """Store results of an iteration and update its counts, in one transaction."""
        rows = [
            (
                job_id,
                number,
                r.segment,
                r.hypothesis,
                r.failure,
                msgspec.json.encode(r.scores).decode(),
                r.credits,
                r.runtime,
            )
            for r in results
        ]
        counts = (
            len(results),
            sum(result.failure is not None for result in results),
            sum(result.credits for result in results),
            sum(result.runtime for result in results),
        )
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute(
                "UPDATE iterations SET status = 'in_progress', done = done + ?, failed = failed + ?,"
                " credits = credits + ?, runtime = runtime + ? WHERE job_id = ? AND number = ?",
                (*counts, job_id, number),
            )
            self._db.execute("UPDATE jobs SET updated = ? WHERE id = ?", (time.time(), job_id))

    def end_iteration(self, job_id: str, number: int, status: str, scores: list[dict[str, Any]]) -> None:
        """Record how an iteration ended, with its scores."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE iterations SET status = ?, scores = ? WHERE job_id = ? AND number = ?",
                (status, json.dumps(scores), job_id, number),
            )
            self._db.execute("UPDATE jobs SET updated = ? WHERE id = ?", (time.time(), job_id))

    def results(self, job_id: str, number: int) -> Iterator[SegmentResult]:
        """Yield an iteration's results in segment order."""
        rows = self._db.execute(
            "SELECT segment, hypothesis, failure, scores, credits, runtime FROM results"
            " WHERE job_id = ? AND number = ? ORDER BY segment",
            (job_id, number),
        )
        for segment, hypothesis, failure, scores, credit, runtime in rows:
            yield SegmentResult(segment, hypothesis, failure, _SCORES.decode(scores), credit, runtime)
