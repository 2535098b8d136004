"""Run the example notebook from the top and keep its outputs: `python tools/run_notebook.py [--check]`.

`--check` writes nothing. A cell that fails ends the program with its traceback.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "notebook.ipynb"
LONGEST = 300  # seconds for one cell


def executed(path: Path) -> nbformat.NotebookNode:
    """Run every cell in a kernel of this environment; return the notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    # Coalesced streams keep only the last state of a progress bar. Timestamps would change with every run.
    NotebookClient(
        notebook, timeout=LONGEST, kernel_name="python3", coalesce_streams=True, record_timing=False
    ).execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def main() -> None:
    """Run the notebook and write it back, unless `--check` is given."""
    parser = argparse.ArgumentParser(description="Run the example notebook.")
    parser.add_argument("--check", action="store_true", help="run it but write nothing")
    notebook = executed(NOTEBOOK)
    if not parser.parse_args().check:
        nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
