"""Pipes: output that nobody reads, many ids, and a terminal as stdin."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Folder, Terminal


@pytest.mark.parametrize("command", ["jobs", "watch"])
def test_a_reader_who_has_left_ends_the_command_quietly(folder: Folder, command: str) -> None:
    """Output into a closed pipe is no error worth a word: nothing on stderr, and the status of SIGPIPE."""
    platform = FakePlatform()
    for number in range(50):
        platform.job("completed", id=f"job-{number}")
    arguments = {"jobs": ["benchmark"], "watch": ["--benchmark", "benchmark"]}[command]
    with platform.served() as environment:
        left = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
        assert left.stdin is not None
        with left:
            left.wait()  # the pipe has no reader any more
            done = subprocess.run(
                [sys.executable, "-m", "aiobench", command, *arguments],
                stdout=left.stdin,
                stderr=subprocess.PIPE,
                env=folder.environment(**environment),
                encoding="utf-8",
                timeout=60,
                check=False,
            )

    assert (done.returncode, done.stderr) == (141, "")


def test_ten_thousand_ids_on_stdin(folder: Folder) -> None:
    """Ten thousand ids are waited for in one command, each reported once."""
    platform = FakePlatform()
    ids = [f"job-{number:05}" for number in range(10_000)]
    for name in ids:
        platform.job("completed", id=name)
    with platform.served() as environment:
        listed = folder.run("jobs", "benchmark", "-q", **environment)
        done = folder.run("watch", "--benchmark", "benchmark", "-", "-q", stdin=listed.stdout, **environment)

    assert listed.stdout.split() == ids
    assert (done.returncode, done.stdout.split()) == (0, ids)


def test_names_in_any_script_reach_a_pipe(folder: Folder) -> None:
    """As UTF-8, and a table of values as lines that end once, whatever the system's habits are."""
    platform = FakePlatform()
    segments = pd.DataFrame({"segment_id": [0, 0], "Model": ["übersetzer", "翻訳者"], "BLEU by sacrebleu": [1.5, 2.5]})
    platform.job("completed", id="JOB", scores={"übersetzer": {}, "翻訳者": {}}, segments=segments)
    with platform.served() as environment:
        done = folder.run("segments", "JOB", **environment)

    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert header.startswith("segment_id,Model,")
    assert [row.split(",")[1] for row in rows] == ["übersetzer", "翻訳者"]


def test_a_terminal_as_stdin_is_explained(terminal: Callable[..., Terminal]) -> None:
    """Where ids are to be typed, a hint says so and how to end them."""
    platform = FakePlatform()
    platform.job("completed", id="good")
    with platform.served() as environment:
        status = terminal("status", "-", columns=80, **environment)
        status.read_until("end with Ctrl-D")
        status.type("good\n\x04")
        assert status.finish() == 0

    assert "reading job ids from the terminal" in status.output
    assert "completed" in status.output
