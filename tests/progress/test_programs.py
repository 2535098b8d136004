"""`progress=True` in programs of their own: in real terminals, in broken ones, and where nobody looks (F32)."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from job_documents import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback import LoopbackServer

DEADLINE = 60.0

ASYNC = """
    import asyncio, os, sys
    from aiobench import Client

    async def main():
        async with Client("KEY", base_url=os.environ["URL"]) as client:
            await client.job("JOB").wait(progress=True)
            await client.job("JOB").download_results_as_csv(os.environ["FILE"], progress=True)

    asyncio.run(main())
"""
BLOCKING = """
    import os, sys
    from aiobench.sync import Client

    with Client("KEY", base_url=os.environ["URL"]) as client:
        client.job("JOB").wait(progress=True)
        client.job("JOB").download_results_as_csv(os.environ["FILE"], progress=True)
"""
# a worker of the event loop's may take a moment longer to end
THREADS = """
    import threading
    print([thread.name for thread in threading.enumerate() if not thread.name.startswith("AnyIO")])
"""
DONE = """
    print("done", flush=True)
"""
SHOWN = """
    print(sys.stderr.getvalue(), end="")
"""
NAME = "Übersetzung 2025"
WAIT = rf"{NAME}: 100% \|█+\| \d\d:\d\d, completed *"
DOWNLOAD = r"results of job JOB: 100% \|█+\| \d\d:\d\d, 7\.0 kB of 7\.0 kB *"


@pytest.fixture
def environment(server: LoopbackServer, tmp_path: object) -> dict[str, str]:
    """Serve one job that has ended, and its results."""
    document = sample("completed") | {"jobId": "JOB", "reportUrl": f"{server.url}/results.csv"}
    document["benchmark"] |= {"name": NAME}
    server.route("GET /sdk/benchmarks/jobs/JOB", document)
    server.route("GET /results.csv", (b"Model,source\n" + b"A,text\n" * 1000))
    return {**os.environ, "URL": server.url, "FILE": f"{tmp_path}/results.csv", "PYTHONIOENCODING": "utf-8"}


def run(code: str, environment: dict[str, str], *, stderr: int = subprocess.STDOUT) -> str:
    """Run a program with warnings as errors; return what it printed on stdout."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        timeout=DEADLINE,
        check=True,
    )
    return done.stdout


class Terminal:
    """A pseudo-terminal: programs write into one side, and a test reads from the other when it wants to."""

    def __init__(self, columns: int = 0) -> None:
        self.reader, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))

    def lines(self) -> list[str]:
        """End it, and return what each line says when all is written."""
        os.close(self.theirs)
        shown = b""
        try:
            while chunk := os.read(self.reader, 1 << 16):
                shown += chunk
        except OSError:  # how Linux says that the other side is closed
            pass
        os.close(self.reader)
        text = shown.decode().replace("\r\n", "\n")
        return [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]


@contextmanager
def terminal_that_vanishes() -> Iterator[int]:
    """Yield the number of a terminal whose window is closed already."""
    reader, theirs = pty.openpty()
    os.close(reader)
    yield theirs
    os.close(theirs)


@contextmanager
def terminal_that_is_stopped() -> Iterator[int]:
    """Yield the number of a terminal that was stopped with Ctrl-S: programs that write to it wait until it goes on."""
    reader, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)
    yield theirs
    os.close(reader)
    os.close(theirs)


@pytest.mark.parametrize("code", [ASYNC, BLOCKING], ids=["async", "blocking"])
@pytest.mark.parametrize("columns", [0, 100])
def test_a_terminal_keeps_a_readable_line(code: str, environment: dict[str, str], columns: int) -> None:
    """In a terminal, even one without a width, each bar leaves its last state as one line; no thread stays for it."""
    terminal = Terminal(columns)
    printed = run(code + THREADS, environment, stderr=terminal.theirs)
    wait, download, rest = terminal.lines()

    assert re.fullmatch(WAIT, wait)
    assert re.fullmatch(DOWNLOAD, download)
    assert (rest, printed) == ("", "['MainThread']\n")


@pytest.mark.parametrize(
    "settings",
    [
        {"TERM": "dumb"},
        {"TERM": ""},
        {"COLUMNS": "0", "LINES": "x"},
        {"COLUMNS": "-7"},
        {"TQDM_DISABLE": "1"},
        {"TQDM_MININTERVAL": "soon", "TQDM_NCOLS": "wide"},
        {"NO_COLOR": "1", "CI": "true"},
    ],
    ids=str,
)
def test_no_setting_of_the_environment_changes_that(environment: dict[str, str], settings: dict[str, str]) -> None:
    """Whatever the environment says of terminals and bars, the line is the same."""
    terminal = Terminal(100)
    run(BLOCKING, environment | settings, stderr=terminal.theirs)
    wait, download, rest = terminal.lines()

    assert re.fullmatch(WAIT, wait)
    assert re.fullmatch(DOWNLOAD, download)
    assert rest == ""


def test_a_terminal_without_the_characters(environment: dict[str, str]) -> None:
    """Where the terminal's encoding has no blocks, the bar is made of what it has."""
    terminal = Terminal(100)
    run(BLOCKING, environment | {"PYTHONIOENCODING": "ascii"}, stderr=terminal.theirs)
    wait, _, _ = terminal.lines()

    assert re.fullmatch(r"\?bersetzung 2025: 100% \|#+\| \d\d:\d\d, completed", wait)


@pytest.mark.parametrize("code", [ASYNC, BLOCKING], ids=["async", "blocking"])
@pytest.mark.parametrize("terminal", [terminal_that_vanishes, terminal_that_is_stopped])
def test_a_broken_terminal_changes_nothing(code: str, environment: dict[str, str], terminal: object) -> None:
    """A terminal that is gone or takes nothing more neither fails nor holds what is shown, nor the program's exit."""
    assert callable(terminal)
    with terminal() as theirs:
        printed = run(code + DONE, environment, stderr=theirs)

    assert printed == "done\n"


@pytest.mark.parametrize("code", [ASYNC, BLOCKING], ids=["async", "blocking"])
def test_nothing_is_said_where_nobody_looks(code: str, environment: dict[str, str]) -> None:
    """Where stderr is no terminal, nothing is written."""
    assert run(code, environment) == ""


STREAMS = {
    "none at all, as under pythonw": "sys.stderr = None",
    "closed": "sys.stderr.close()",
    "a bare object": "sys.stderr = object()",
    "a logger": """
    class Logger:
        def write(self, text): raise AssertionError(text)
        def flush(self): pass
    sys.stderr = Logger()""",
    "a terminal that fails": """
    class Failing:
        def isatty(self): return True
        def write(self, text): raise SystemError(text)
    sys.stderr = Failing()""",
    "one that does not know": """
    class Unsure:
        def isatty(self): raise NotImplementedError
    sys.stderr = Unsure()""",
    "a terminal that blocks": """
    import threading
    class Blocking:
        def isatty(self): return True
        def write(self, text): threading.Event().wait()
    sys.stderr = Blocking()""",
    "text in memory": "import io; sys.stderr = io.StringIO()",
    "a detached wrapper": "import io; sys.stderr = io.TextIOWrapper(io.BytesIO()); sys.stderr.detach()",
}


@pytest.mark.parametrize("stream", STREAMS)
def test_stderr_may_be_anything(environment: dict[str, str], stream: str) -> None:
    """Whatever `sys.stderr` is, the wait and the download succeed, and nothing is written elsewhere."""
    replaced = "\n    import sys\n    " + STREAMS[stream] + "\n"

    restored = "\n    sys.stderr = sys.__stderr__\n"  # the interpreter flushes it in the end

    assert run(replaced + BLOCKING + restored + DONE, environment) == "done\n"


def test_a_stream_that_says_it_is_a_terminal_gets_the_last_state(environment: dict[str, str]) -> None:
    """IDLE's shell says that it is a terminal, and knows no carriage returns: it gets one whole line."""
    replaced = """
    import io, sys
    class Shell(io.StringIO):
        def isatty(self): return True
    sys.stderr = Shell()
    """
    wait, download, rest = run(replaced + BLOCKING + "\n    print(sys.stderr.getvalue(), end='')", environment).split(
        "\n"
    )

    assert re.fullmatch(WAIT, wait)
    assert re.fullmatch(DOWNLOAD, download)
    assert rest == ""


def test_two_at_once_leave_a_line_each(environment: dict[str, str]) -> None:
    """Two waits shown in one terminal take turns, and each leaves a line of its own."""
    code = """
    import asyncio, os
    from aiobench import Client

    async def main():
        async with Client("KEY", base_url=os.environ["URL"]) as client:
            await asyncio.gather(*(client.job("JOB").wait(progress=True) for _ in range(2)))

    asyncio.run(main())
    """
    terminal = Terminal(100)
    run(code, environment, stderr=terminal.theirs)
    first, second, rest = terminal.lines()

    assert re.fullmatch(WAIT, first)
    assert re.fullmatch(WAIT, second)
    assert rest == ""


def test_many_jobs_are_one_line(environment: dict[str, str]) -> None:
    """Many jobs are one line: how many have ended of all, and how many failed; the last state stays."""
    code = """
    import anyio
    from aiobench import _progress

    async def main():
        async with _progress.of_jobs("jobs", True) as update:
            for ended in range(1001):
                update(ended, 1000, ended // 100)

    anyio.run(main, backend="trio")
    """
    terminal = Terminal(100)
    run(code, environment, stderr=terminal.theirs)
    line, rest = terminal.lines()

    assert re.fullmatch(r"jobs: 100% \|█+\| \d\d:\d\d, 1,000 of 1,000 ended, 10 failed", line)
    assert rest == ""


def test_states_that_come_fast_are_skipped(environment: dict[str, str]) -> None:
    """A terminal is given the newest state now and then, not each of a hundred thousand."""
    code = """
    import anyio
    from aiobench import _progress

    async def main():
        async with _progress.of_jobs("jobs", True) as update:
            for ended in range(100_001):
                update(ended, 100_000, 0)

    anyio.run(main)
    """
    terminal = Terminal(100)
    run(code, environment, stderr=terminal.theirs)  # what a terminal keeps for its reader is 40 lines at most
    line, rest = terminal.lines()

    assert "100,000 of 100,000 ended, 0 failed" in line
    assert rest == ""
