"""The examples run, as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 100.0


def run(*arguments: str, cwd: Path) -> str:
    """Run a program of the project; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_runs(tmp_path: Path) -> None:
    """The script does its round without a warning, and leaves no file where it was run."""
    printed = run("-W", "error", str(ROOT / "examples/script.py"), cwd=tmp_path)

    assert "Job 3 of 3: completed" in printed
    assert list(tmp_path.iterdir()) == []


def test_the_notebook_runs(tmp_path: Path) -> None:
    """Every cell of the notebook runs, one after another in a fresh kernel."""
    run(str(ROOT / "tools/run_notebook.py"), "--check", cwd=tmp_path)


def test_the_notebook_shows_what_it_does() -> None:
    """The notebook is kept with its outputs: every cell was run, in order, and none failed."""
    notebook = json.loads((ROOT / "examples/notebook.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}

    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert kinds == {"stream", "execute_result", "display_data"}
