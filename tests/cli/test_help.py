"""The help of every command: its words, its example, and that the example is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from aiobench.cli.app import COMMANDS, app
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from conftest import Folder

NAMES = [name for group in COMMANDS.values() for name in group]
SNAPSHOTS = Path(__file__).parent / "help"


def help_of(*arguments: str) -> str:
    """Return the help of a command at 80 columns."""
    runner = CliRunner(env={"COLUMNS": "80", "TERMINAL_WIDTH": "80", "NO_COLOR": "1"})
    result = runner.invoke(app, [*arguments, "--help"], prog_name="aiobench", terminal_width=80)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("name", ["", *NAMES])
def test_help_is_as_it_was_read_last(name: str) -> None:
    """Each help is a file in `help/`, so that a change of it is read; `UPDATE_HELP=1` writes them anew."""
    path = SNAPSHOTS / f"{name or 'aiobench'}.txt"
    text = help_of(*filter(None, [name]))
    if "UPDATE_HELP" in os.environ:
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


@pytest.mark.posix
@pytest.mark.parametrize("name", [name for name in NAMES if name != "serve"])  # runs until Ctrl-C: see test_serve.py
def test_each_help_ends_with_an_example_that_runs(folder: Folder, name: str) -> None:
    """The last line of each help is a shell command that does what it says, on a platform where its jobs exist."""
    example = help_of(name).strip().splitlines()[-1].strip().removeprefix("Example: ")
    (folder.work / "bin").mkdir()
    command = folder.work / "bin" / "aiobench"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aiobench "$@"\n')
    command.chmod(0o755)
    (folder.work / "predictions.csv").write_text(
        "source,reference,first,second\nHallo,hello,hello,hi\nGut,good,good,well\n"
    )
    platform = FakePlatform()
    platform.benchmark("completed", id="BENCHMARK", scores={"model-a": {"BLEU by sacrebleu": 31.2}})
    platform.job("completed", id="JOB", benchmark="BENCHMARK", segments=_segments())
    with platform.served() as environment:
        settings = folder.environment(**environment)
        done = subprocess.run(
            ["/bin/sh", "-c", example],
            cwd=folder.work,
            env=settings | {"PATH": f"{command.parent}:{settings['PATH']}"},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert done.stdout or any(folder.work.glob("*.*"))


def _segments() -> object:
    import pandas as pd

    models, scores = ["model-a"] * 2 + ["model-b"] * 2, [31.0, 31.4, 28.5, 30.0]
    return pd.DataFrame({"segment_id": [1, 2, 1, 2], "Model": models, "BLEU by sacrebleu": scores})


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_offers_the_commands(shell: str) -> None:
    """The shell is given the commands that begin with what was typed."""
    typed = {"COMP_WORDS": "aiobench s", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "aiobench s"}
    action = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"} if shell == "fish" else {}
    done = subprocess.run(
        [sys.executable, "-m", "aiobench"],
        env={**os.environ, **typed, **action, "_AIOBENCH_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )

    offered = {name for name in NAMES if name in done.stdout}
    assert offered >= {name for name in NAMES if name.startswith("s")}
