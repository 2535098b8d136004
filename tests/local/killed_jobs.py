"""Embedded backends that are killed while they run a job, the first start of their workspace included.

`nox -s kills -- [KILLS] [SEED]` makes the long run; the suite makes a short one.
"""

from __future__ import annotations

import csv
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

__all__ = ["killed_jobs"]

SEGMENTS = 200
LONGEST = 2.0  # seconds until a kill, more than a job takes

PROGRAM = """
import sqlite3, sys, time
import pandas as pd
from aiobench import PollPolicy
from aiobench.local import LocalBackend

print(flush=True)  # what can be killed begins here
folder, segments = sys.argv[1], int(sys.argv[2])
words = pd.Series([f"word {number}" for number in range(segments)])
data = pd.DataFrame({"source": words, "reference": words.str.upper()})

def noting(source):
    with open(folder + "/calls", "a") as calls:
        calls.write(source + "\\n")
    time.sleep(0.004)
    return source.upper()

with LocalBackend(folder + "/workspace", datasets={"words": data}, models={"noting": noting}) as backend:
    with sqlite3.connect(folder + "/workspace/jobs.sqlite") as db:
        jobs = [job for (job,) in db.execute("SELECT id FROM jobs")]
    with backend.sync_client(poll=PollPolicy(interval=0.05, max_interval=0.05)) as client:
        if not jobs:
            jobs = [client.create_benchmark("b", dataset="words", models=["noting"], metrics=["chrf"]).start().id]
        print(*(client.job(job).wait(timeout=120).status for job in jobs), flush=True)
"""


def killed_jobs(folder: Path, *, kills: int, seed: int) -> Counter[str]:
    """Kill backends at random points; return how often what was found after a kill.

    Raises:
        AssertionError: If a job was lost, a kept segment was run again, or a result is not there once.
    """
    chance = random.Random(seed)
    found: Counter[str] = Counter()
    while found.total() < kills:
        place = Path(tempfile.mkdtemp(dir=folder))
        kept: set[str] = set()
        for _ in range(chance.randrange(1, 8)):
            called = len(calls(place))
            with started(place) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(LONGEST * chance.random() ** 3)  # most often early, while the workspace is made
                process.kill()
            assert kept.isdisjoint(calls(place)[called:]), "segments whose results were kept have run again"
            before, kept = kept, kept_segments(place)
            assert before <= kept, "results are lost"
            found[state_of(place)] += 1
        called = len(calls(place))
        with started(place) as process:
            statuses, _ = process.communicate(timeout=180)
        assert set(statuses.split()) == {"completed"}, f"after the last start: {statuses!r}"
        assert kept.isdisjoint(calls(place)[called:]), "segments whose results were kept have run again"
        judge(place)
    return found


def started(place: Path) -> subprocess.Popen[str]:
    """Start a backend."""
    command = [sys.executable, "-c", PROGRAM, str(place), str(SEGMENTS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")


def calls(place: Path) -> list[str]:
    """Return the sources that the model was called with."""
    path = place / "calls"
    return path.read_text("utf-8").splitlines() if path.exists() else []


def kept_segments(place: Path) -> set[str]:
    """Return the sources whose results are in the store, which must be whole."""
    path = place / "workspace" / "jobs.sqlite"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'results'").fetchone():
            return set()
        return {f"word {segment}" for (segment,) in db.execute("SELECT segment FROM results")}


def state_of(place: Path) -> str:
    """Say how far a killed backend had come."""
    if not (place / "workspace" / "jobs.sqlite").exists():
        return "before the workspace"
    if not calls(place):
        return "before the job"
    return "in the job" if len(kept_segments(place)) < SEGMENTS else "after the job"


def judge(place: Path) -> None:
    """Check that a finished job has each result once, in the store and in the file."""
    (path,) = (place / "workspace" / "results").glob("*.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["hypothesis"] for row in rows] == [f"WORD {number}" for number in range(SEGMENTS)]
    assert kept_segments(place) == {f"word {number}" for number in range(SEGMENTS)}


def main() -> None:
    """Make the long run."""
    kills, seed = (int(each) for each in (*sys.argv[1:], "200", "0")[:2])
    with tempfile.TemporaryDirectory() as folder:
        print(dict(killed_jobs(Path(folder), kills=kills, seed=seed)))


if __name__ == "__main__":
    main()
