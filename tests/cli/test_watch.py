"""`aiobench watch`: jobs as they run, in a terminal and in a pipe."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Folder, Terminal


@contextmanager
def passing_time(platform: FakePlatform) -> Iterator[None]:
    """Let a second of the platform pass with every moment, for a command in a process of its own."""
    done = threading.Event()

    def pass_time() -> None:
        while not done.wait(0.05):
            platform.advance(1.0)

    thread = threading.Thread(target=pass_time)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_each_change_is_a_line_of_json(folder: Folder) -> None:
    """With --json each event is one line, at once, and stdout holds nothing else."""
    platform = FakePlatform()
    platform.job("completed", id="good")
    platform.job("failed", id="bad")
    with platform.served() as environment:
        done = folder.run("watch", "good", "bad", "nowhere", "--json", **environment)

    events = {event["id"]: event for event in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 3
    assert {name: event["event"] for name, event in events.items()} == {
        "good": "finished",
        "bad": "finished",
        "nowhere": "abandoned",
    }
    assert events["bad"]["job"]["succeeded"] is False
    assert events["nowhere"]["error"]["status"] == 3


def test_without_a_terminal_each_change_is_a_line(folder: Folder) -> None:
    """In a pipe, each change is a line with the time, the job and what it is now; nothing is redrawn."""
    platform = FakePlatform()
    platform.job("queued", "in_progress", "completed", every=20.0, id="one")
    with platform.served() as environment, passing_time(platform):
        done = folder.run("watch", "one", **environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["one"] * len(done.stdout.splitlines())
    assert done.stdout.splitlines()[-1].endswith("one  completed")


def test_all_jobs_of_a_benchmark(folder: Folder) -> None:
    """--benchmark adds the jobs of a benchmark to those that are named; each counts once."""
    platform = FakePlatform()
    for name in ("a", "b"):
        platform.job("completed", id=name)
    with platform.served() as environment:
        done = folder.run("watch", "a", "--benchmark", "benchmark", "-q", **environment)

    assert (done.returncode, done.stdout) == (0, "a\nb\n")


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
def test_the_table_never_cuts_an_id(terminal: Callable[..., Terminal], columns: int) -> None:
    """At every width the screen shows the whole id of each job and how it stands, within the width."""
    platform = FakePlatform()
    names = [f"5f1c2a3b-0000-4000-8000-00000000000{number}" for number in range(3)]
    for name, status in zip(names, ("completed", "failed", "in_progress"), strict=True):
        platform.job(status, id=name)
    with platform.served() as environment:
        watch = terminal("watch", *names, "--timeout", "0.5s", columns=columns, **environment)
        assert watch.finish() == 4

    lines = [line.rstrip() for line in watch.screen.lines]
    shown = "\n".join(lines)
    assert [name for name in names if name not in shown] == []
    assert [word for word in ("2 of 3 ended", "completed", "failed", "in progress") if word not in shown] == []
    assert max(map(len, lines)) <= columns
    assert watch.screen.cursor_is_visible


def test_many_jobs_are_counted(terminal: Callable[..., Terminal]) -> None:
    """Where the jobs do not fit, they are counted by status, and the failures are named; the table fits the screen."""
    platform = FakePlatform()
    for number in range(60):
        platform.job("failed" if number == 7 else "completed", id=f"job-{number:02}")
    with platform.served() as environment:
        watch = terminal("watch", "--benchmark", "benchmark", columns=80, rows=20, **environment)
        assert watch.finish() == 1

    lines = [line.rstrip() for line in watch.screen.lines if line.strip()]
    assert lines[0].startswith("60 of 60 ended")
    assert {"completed 59", "failed 1", "job-07 failed"} <= {" ".join(line.split()) for line in lines}
    assert len(lines) <= 20


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}])
def test_poor_terminals_get_what_they_can_show(terminal: Callable[..., Terminal], settings: dict[str, str]) -> None:
    """Without colours, on a dumb terminal and without UTF-8, the outcome is there and nothing fails."""
    platform = FakePlatform()
    platform.job("completed", id="good")
    with platform.served() as environment:
        watch = terminal("watch", "good", columns=80, **environment, **settings)
        assert watch.finish() == 0

    assert "completed" in watch.output
    assert "\x1b[3" not in watch.output or "PYTHONIOENCODING" in settings
    assert watch.output.isascii() or "PYTHONIOENCODING" not in settings


def test_a_journal_survives_a_kill(folder: Folder) -> None:
    """A watch that was killed goes on with its journal: the jobs need not be named, and all ends count."""
    platform = FakePlatform()
    platform.job("failed", id="bad")
    platform.job("in_progress", "completed", every=50.0, id="slow")
    with platform.served() as environment:
        arguments = ("watch", "--journal", "jobs.sqlite")
        with folder.started(*arguments, "bad", "slow", "--json", **environment) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["id"] == "bad"
            process.kill()
        platform.advance(100.0)
        done = folder.run(*arguments, "--json", **environment)

    ends = {event["id"]: event["event"] for event in map(json.loads, done.stdout.splitlines())}
    assert ends == {"bad": "finished", "slow": "finished"}
    assert done.returncode == 1


@pytest.mark.posix
def test_sigterm_closes_the_journal(folder: Folder) -> None:
    """After SIGTERM the journal can be used at once, and nothing but the hint was said."""
    platform = FakePlatform()
    platform.job("completed", id="good")
    platform.job("in_progress", id="slow")
    with platform.served() as environment:
        arguments = ("watch", "good", "slow", "--journal", "jobs.sqlite", "--json")
        with folder.started(*arguments, **environment) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            _, stderr = process.communicate(timeout=30)
        again = folder.run(*arguments, "--timeout", "0.2s", **environment)

    assert process.returncode == 143
    assert stderr == "aiobench: the jobs go on; `aiobench watch --journal jobs.sqlite` continues\n"
    assert again.returncode == 4
    assert [path.name for path in folder.work.iterdir() if path.name.endswith(("-wal", "-shm"))] == []


def test_ctrl_c_in_a_terminal(terminal: Callable[..., Terminal]) -> None:
    """Ctrl-C ends the watch with 130, says that the jobs go on, and gives the cursor back."""
    platform = FakePlatform()
    platform.job("in_progress", id="slow")
    with platform.served() as environment:
        watch = terminal("watch", "slow", columns=80, **environment)
        watch.read_until("in progress")
        watch.interrupt()
        assert watch.finish() == 130

    assert "the jobs go on" in watch.output
    assert watch.screen.cursor_is_visible


def test_nothing_to_watch(folder: Folder) -> None:
    """Without jobs, a benchmark or a journal it is wrong usage; a benchmark without jobs is not."""
    platform = FakePlatform()
    platform.benchmark(id="empty")
    with platform.served() as environment:
        nothing = folder.run("watch", **environment)
        empty = folder.run("watch", "--benchmark", "empty", **environment)

    assert (nothing.returncode, empty.returncode) == (2, 0)
    assert nothing.stderr == "aiobench: nothing to watch: give job ids, --benchmark or --journal\n"
