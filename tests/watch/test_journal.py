"""The journal: a real SQLite file, and everything that can be wrong with one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from aiobench import JournalError
from aiobench._watch import journal as journal_module
from aiobench._watch.journal import Journal, until_done

pytestmark = pytest.mark.anyio

ORIGIN = "http://127.0.0.1:1/"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "jobs.journal"


async def recorded(journal: Journal, jobs: list[tuple[str, str]]) -> set[str]:
    """Record jobs, and wait for it."""
    return await until_done(journal.record(jobs))


async def test_pending_jobs_come_back(path: Path) -> None:
    """What was recorded and not handled is there when the file is opened again."""
    journal = Journal(path, ORIGIN)
    assert [] == await journal.open()
    await recorded(journal, [("a", "b1"), ("b", ""), ("c", "b2")])
    await journal.handle("b")
    await journal.aclose()
    again = Journal(path, ORIGIN)
    assert [("a", "b1"), ("c", "b2")] == sorted(await again.open())
    await again.aclose()


async def test_a_handled_end_is_remembered(path: Path) -> None:
    """A job whose end was handled is not watched again, though it is added again."""
    journal = Journal(path, ORIGIN)
    await journal.open()
    await recorded(journal, [("a", "b1")])
    await journal.handle("a")
    assert {"a"} == await recorded(journal, [("a", "b1"), ("b", "b1")])
    await journal.aclose()


async def test_a_benchmark_once_known_is_kept(path: Path) -> None:
    """Adding a job by its id alone does not forget its benchmark."""
    journal = Journal(path, ORIGIN)
    await journal.open()
    await recorded(journal, [("a", "b1")])
    await recorded(journal, [("a", "")])
    await journal.aclose()
    again = Journal(path, ORIGIN)
    assert [("a", "b1")] == await again.open()
    await again.aclose()


async def test_the_file_does_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of handled ends only the newest are kept."""
    monkeypatch.setattr(journal_module, "HANDLED_KEPT", 3)
    journal = Journal(path, ORIGIN)
    await journal.open()
    for number in range(10):
        await journal.handle(f"j{number}")
    assert {"j7", "j8", "j9"} == await recorded(journal, [(f"j{number}", "") for number in range(10)])
    await journal.aclose()


async def test_a_second_monitor_is_refused(path: Path) -> None:
    """A journal in use is locked, in this process too."""
    first = Journal(path, ORIGIN)
    await first.open()
    with pytest.raises(JournalError, match="in use by another monitor") as caught:
        await Journal(path, ORIGIN).open()
    assert str(path) == caught.value.path
    await first.aclose()
    again = Journal(path, ORIGIN)
    await again.open()
    await again.aclose()


async def test_another_process_is_refused(path: Path) -> None:
    """A journal that another process has open is locked."""
    first = Journal(path, ORIGIN)
    await first.open()
    program = (
        "import anyio, sys; from aiobench._watch.journal import Journal; from pathlib import Path; "
        "anyio.run(Journal(Path(sys.argv[1]), sys.argv[2]).open)"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, path, ORIGIN], check=False, capture_output=True, text=True, timeout=60
    )
    assert "in use by another monitor" in other.stderr
    await first.aclose()


async def test_a_journal_of_another_platform_is_refused(path: Path) -> None:
    """The journal is tied to the base URL: job ids mean nothing elsewhere."""
    journal = Journal(path, ORIGIN)
    await journal.open()
    await journal.aclose()
    with pytest.raises(JournalError, match="not of http://elsewhere"):
        await Journal(path, "http://elsewhere/").open()


async def test_somebody_elses_database_is_refused_and_left_alone(path: Path) -> None:
    """A SQLite file that is no journal is not written to."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="something else"):
        await Journal(path, ORIGIN).open()
    assert before == path.read_bytes()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    """A file of anything else is not written to."""
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(JournalError, match="not a database"):
        await Journal(path, ORIGIN).open()
    assert b"not a database, " * 100 == path.read_bytes()


async def test_a_damaged_journal_is_refused(path: Path) -> None:
    """A journal with a hole in it is an error of the tree."""
    journal = Journal(path, ORIGIN)
    await journal.open()
    await recorded(journal, [(f"job-{number}", "b") for number in range(5000)])
    await journal.aclose()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * len(data[4096:])
    path.write_bytes(data)
    with pytest.raises(JournalError, match="cannot be used"):
        await Journal(path, ORIGIN).open()


async def test_a_later_format_is_refused(path: Path) -> None:
    """A journal that a later aiobench has written is not misread."""
    journal = Journal(path, ORIGIN)
    await journal.open()
    await journal.aclose()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="format 99"):
        await Journal(path, ORIGIN).open()


async def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A journal that cannot be made is an error of the tree."""
    with pytest.raises(JournalError, match="unable to open"):
        await Journal(tmp_path / "none" / "journal", ORIGIN).open()
