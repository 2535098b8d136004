"""The journal: a real SQLite file, and everything that can be wrong with one."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiobench import JournalError
from aiobench._journal import journal as journal_module
from aiobench._journal.journal import Contents, Journal, Record

ORIGIN = "http://127.0.0.1:1/"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "jobs.journal"


@pytest.fixture
def made() -> Iterator[list[Journal]]:
    """Close what a test has opened."""
    files: list[Journal] = []
    yield files
    for each in files:
        each.close()


@pytest.fixture
def opened(path: Path, made: list[Journal]) -> Callable[..., tuple[Journal, Contents]]:
    """Give the function that opens the journal; the one that was opened before is closed."""

    def open_it(*, beside: bool = False) -> tuple[Journal, Contents]:
        if made and not beside:
            made[-1].close()
        made.append(Journal(path, ORIGIN))
        return made[-1], made[-1].open()

    return open_it


Opened = Callable[..., tuple[Journal, Contents]]


def pending(contents: Contents) -> list[tuple[str, str]]:
    """Name the jobs that are pending."""
    return sorted((each.job_id, each.benchmark_id) for each in contents.pending)


def test_pending_jobs_come_back(opened: Opened) -> None:
    """What was recorded and not handled is there when the file is opened again."""
    journal, contents = opened()
    assert Contents((), 0, ()) == contents
    journal.add([Record("a", "b1"), Record("b"), Record("c", "b2")])
    journal.handle(Record("b"))
    contents = opened()[1]
    assert pending(contents) == [("a", "b1"), ("c", "b2")]
    assert contents.handled == 1


def test_a_handled_end_is_remembered(opened: Opened) -> None:
    """A job whose end was handled is not watched again, though it is added again."""
    journal, _ = opened()
    journal.add([Record("a", "b1")])
    journal.handle(Record("a", "b1"))
    assert journal.add([Record("a", "b1"), Record("b", "b1")]) == {"a"}
    assert journal.handled() == [Record("a", "b1")]


def test_a_benchmark_once_known_is_kept(opened: Opened) -> None:
    """Adding a job by its id alone does not forget its benchmark."""
    journal, _ = opened()
    journal.add([Record("a", "b1")])
    journal.add([Record("a")])
    assert pending(opened()[1]) == [("a", "b1")]


def test_notes_are_kept(opened: Opened) -> None:
    """A note stays with its job, pending and handled; a later note replaces it, and no note does not."""
    journal, _ = opened()
    journal.add([Record("a", "", '{"by":"x"}'), Record("b", "", "1"), Record("c")])
    journal.add([Record("a"), Record("b", "", "2")])
    journal.handle(Record("a"))
    journal, contents = opened()
    assert [(each.job_id, each.note) for each in contents.pending] == [("b", "2"), ("c", None)]
    assert journal.handled() == [Record("a", "", '{"by":"x"}')]


def test_a_start_is_there_until_its_outcome_is_recorded(opened: Opened) -> None:
    """What was about to be started comes back; when a job came of it, that is pending with its note."""
    journal, _ = opened()
    first = journal.begin_start("b1", "7", frozenset({"x"}))
    second = journal.begin_start("b2", None, None)
    journal, contents = opened()
    assert contents.starts == (first, second)
    journal.end_start(first.number, Record("new", "b1", "7"))
    journal.end_start(second.number, None)
    assert Contents((Record("new", "b1", "7"),), 0, ()) == opened()[1]


def test_the_file_does_not_grow_for_ever(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of handled ends only the newest are kept, and their notes."""
    monkeypatch.setattr(journal_module, "HANDLED_KEPT", 3)
    journal, _ = opened()
    journal.add([Record(f"j{number}", "", "1") for number in range(10)])
    for number in range(10):
        journal.handle(Record(f"j{number}"))
    assert [Record(f"j{number}", "", "1") for number in (7, 8, 9)] == journal.handled()
    assert journal.add([Record(f"j{number}") for number in range(10)]) == {"j7", "j8", "j9"}


def test_a_second_monitor_is_refused(path: Path, opened: Opened) -> None:
    """A journal in use is locked, in this process too."""
    opened()
    with pytest.raises(JournalError, match="in use by another monitor") as caught:
        opened(beside=True)
    assert str(path) == caught.value.path


@pytest.mark.parametrize("is_copied", [False, True])
def test_another_process_is_refused(path: Path, opened: Opened, is_copied: bool) -> None:
    """A journal that another process has open is locked, also after that process has copied it (F36)."""
    opened()
    if is_copied:
        shutil.copy(path, path.with_name("copy"))
    program = (
        "import sys; from aiobench._journal.journal import Journal; from pathlib import Path; "
        "Journal(Path(sys.argv[1]), sys.argv[2]).open()"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, path, ORIGIN], check=False, capture_output=True, encoding="utf-8", timeout=60
    )
    assert "in use by another monitor" in other.stderr


def test_a_copy_is_a_journal_of_its_own(path: Path, opened: Opened) -> None:
    """F36: a copy that was made in use can be opened, and the original goes on."""
    journal, _ = opened()
    journal.add([Record("a")])
    copy = shutil.copy(path, path.with_name("copy"))
    other = Journal(Path(copy), ORIGIN)
    other.open()
    other.close()
    journal.add([Record("b")])
    assert pending(opened()[1]) == [("a", ""), ("b", "")]


@pytest.mark.posix
@pytest.mark.parametrize("name", ["jobs.journal", "jobs.journal-wal"])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_deleted_in_use_is_noticed(path: Path, opened: Opened, name: str, is_replaced: bool) -> None:
    """F36: what would be written into a file that nobody will read is an error."""
    journal, _ = opened()
    file = path.with_name(name)
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    file.unlink()
    if is_replaced:
        other.rename(file)
    with pytest.raises(JournalError, match="replaced while" if is_replaced else "deleted while"):
        journal.add([Record("a")])


def test_every_change_is_synced(opened: Opened) -> None:
    """F36: SQLite syncs each change to the disk before it counts as made."""
    journal, _ = opened()
    assert journal._database is not None
    (level,) = journal._database.execute("PRAGMA synchronous").fetchone()
    assert level == 2  # FULL


VERSION_1 = f"""
PRAGMA application_id = {journal_module.APPLICATION_ID};
PRAGMA user_version = 1;
CREATE TABLE origin (base_url TEXT NOT NULL);
CREATE TABLE pending (job_id TEXT PRIMARY KEY, benchmark_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE handled (number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE);
INSERT INTO origin VALUES ('{ORIGIN}');
INSERT INTO pending VALUES ('a', 'b1'), ('b', '');
INSERT INTO handled (job_id) VALUES ('c');
"""


def test_an_older_file_is_taken_over(path: Path, opened: Opened) -> None:
    """A journal of format 1 is used as it is, and has format 2 afterwards."""
    database = sqlite3.connect(path)
    database.executescript(VERSION_1)
    database.close()
    for _ in range(2):
        journal, contents = opened()
        assert pending(contents) == [("a", "b1"), ("b", "")]
        assert journal.handled() == [Record("c")]
    assert journal.add([Record("c", "b1", "1")]) == {"c"}


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM origin",
        "DROP TABLE origin",
        "DROP TABLE pending",
        "INSERT INTO origin SELECT * FROM origin",
        "INSERT INTO pending VALUES (x'ff00', '')",
        "INSERT INTO pending VALUES ('', '')",
        "INSERT INTO pending VALUES ('ok', '  ')",
        "INSERT INTO pending VALUES (cast(x'fffe41' AS TEXT), '')",
        "INSERT INTO notes SELECT job_id, '{' FROM pending",
        "INSERT INTO starts (benchmark_id, before, at) VALUES ('b', '7', 0)",
        "INSERT INTO starts (benchmark_id, before, at) VALUES ('b', NULL, 'now')",
        "PRAGMA user_version = 0",
    ],
)
def test_what_makes_no_sense_is_damage(path: Path, opened: Opened, damage: str) -> None:
    """Whatever is wrong inside a journal is a JournalError when it is opened."""
    journal, _ = opened()
    journal.add([Record("a")])
    journal.close()
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(damage)
    database.close()
    with pytest.raises(JournalError, match="cannot be used"):
        opened()


def test_a_journal_of_another_platform_is_refused(path: Path) -> None:
    """The journal is tied to the base URL: job ids mean nothing elsewhere."""
    journal = Journal(path, ORIGIN)
    journal.open()
    journal.close()
    with pytest.raises(JournalError, match="not of http://elsewhere"):
        Journal(path, "http://elsewhere/").open()


def test_somebody_elses_database_is_refused_and_left_alone(path: Path) -> None:
    """A SQLite file that is no journal is not written to."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="something else"):
        Journal(path, ORIGIN).open()
    assert before == path.read_bytes()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    """A file of anything else is not written to."""
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(JournalError, match="not a database"):
        Journal(path, ORIGIN).open()
    assert path.read_bytes() == b"not a database, " * 100


def test_a_damaged_journal_is_refused(path: Path) -> None:
    """A journal with a hole in it is an error of the tree."""
    journal = Journal(path, ORIGIN)
    journal.open()
    journal.add(Record(f"job-{number}", "b") for number in range(5000))
    journal.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * len(data[4096:])
    path.write_bytes(data)
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(path, ORIGIN).open()


def test_a_later_format_is_refused(path: Path) -> None:
    """A journal that a later aiobench has written is not misread."""
    journal = Journal(path, ORIGIN)
    journal.open()
    journal.close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(JournalError, match="format 99"):
        Journal(path, ORIGIN).open()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A journal that cannot be made is an error of the tree."""
    with pytest.raises(JournalError, match="there is no folder"):
        Journal(tmp_path / "none" / "journal", ORIGIN).open()
