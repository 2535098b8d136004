"""`progress=True`: a line that moves and stays in a terminal, and silence where nobody looks."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from job_documents import sample

if TYPE_CHECKING:
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
    import os
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


@pytest.fixture
def environment(server: LoopbackServer, tmp_path: object) -> dict[str, str]:
    """Serve one job that has ended, and its results."""
    document = {**sample("completed"), "jobId": "JOB", "reportUrl": f"{server.url}/results.csv"}
    server.route("GET /sdk/benchmarks/jobs/JOB", document)
    server.route("GET /results.csv", (b"Model,source\n" + b"A,text\n" * 1000))
    return {**os.environ, "URL": server.url, "FILE": f"{tmp_path}/results.csv"}


def run(code: str, environment: dict[str, str], *, stderr: int) -> str:
    """Run a program with warnings as errors; return what it printed on stdout."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("code", [ASYNC, BLOCKING], ids=["async", "blocking"])
def test_a_terminal_keeps_a_readable_line(code: str, environment: dict[str, str]) -> None:
    """In a terminal, even one without a width, each bar leaves its last state as one line; no thread stays for it."""
    terminal, theirs = pty.openpty()
    printed = run(code + THREADS, environment, stderr=theirs)
    os.close(theirs)
    with os.fdopen(terminal, "rb") as reader:
        shown = reader.read1(1 << 16).decode()
    wait, download, rest = (line.rpartition("\r")[2] for line in shown.replace("\r\n", "\n").split("\n"))

    assert re.fullmatch(r"job JOB: 100%\|█+\| \d\d:\d\d, completed *", wait)
    assert re.fullmatch(r"results of job JOB: 100%\|█+\| 7\.01k/7\.01k \[.*B/s\] *", download)
    assert (rest, printed) == ("", "['MainThread']\n")


@pytest.mark.parametrize("code", [ASYNC, BLOCKING], ids=["async", "blocking"])
def test_nothing_is_said_where_nobody_looks(code: str, environment: dict[str, str]) -> None:
    """Where stderr is no terminal, nothing is written, and the library for bars is not even imported."""
    printed = run(code + '\n    import sys\n    print("tqdm" in sys.modules)', environment, stderr=subprocess.STDOUT)

    assert printed == "False\n"


def test_there_may_be_no_stderr_at_all(environment: dict[str, str]) -> None:
    """A program without stderr, as under `pythonw`, works as well."""
    printed = run("\n    import sys\n    sys.stderr = None\n" + BLOCKING, environment, stderr=subprocess.STDOUT)

    assert printed == ""
