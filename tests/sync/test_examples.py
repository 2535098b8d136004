"""The examples run, as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 110.0
NOTEBOOKS = ["notebook", "research"]


def run(*arguments: str, cwd: Path) -> str:
    """Run a program of the project; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, encoding="utf-8", timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_runs(tmp_path: Path) -> None:
    """The script does its round without a warning, and leaves no file where it was run."""
    printed = run("-W", "error", str(ROOT / "examples/script.py"), cwd=tmp_path)

    assert "Job 3 of 3: completed" in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(tmp_path: Path, name: str) -> None:
    """Every cell of the notebook runs, one after another in a fresh kernel."""
    run(str(ROOT / "tools/run_notebook.py"), "--check", name, cwd=tmp_path)


def test_the_researchers_day_is_short() -> None:
    """300 jobs of 12 benchmarks take 40 lines, from the wait to the spreadsheet."""
    notebook = json.loads((ROOT / "examples/research.ipynb").read_text("utf-8"))
    text = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")

    assert len([line for line in text.splitlines() if line.strip()]) <= 40


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_shows_what_it_does(name: str) -> None:
    """The notebook is kept with its outputs: every cell was run, in order, and none failed."""
    notebook = json.loads((ROOT / f"examples/{name}.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}

    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert "execute_result" in kinds
    assert "error" not in kinds
