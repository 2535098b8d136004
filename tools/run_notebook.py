"""Run the example notebooks from the top and keep their outputs: `python tools/run_notebook.py [--check] [NAME…]`.

Each runs in a folder of its own, which is removed. `--check` writes nothing. A cell that fails ends the program with
its traceback.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LONGEST = 300  # seconds for one cell


def executed(path: Path) -> nbformat.NotebookNode:
    """Run every cell in a kernel of this environment; return the notebook with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    # Coalesced streams keep only the last state of a progress bar. Timestamps would change with every run.
    with TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=LONGEST,
            kernel_name="python3",
            coalesce_streams=True,
            record_timing=False,
            resources={"metadata": {"path": folder}},
        ).execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def main() -> None:
    """Run the notebooks and write them back, unless `--check` is given."""
    parser = argparse.ArgumentParser(description="Run the example notebooks.")
    parser.add_argument("--check", action="store_true", help="run them but write nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as research; all of them if none is given")
    options = parser.parse_args()
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        if options.names and path.stem not in options.names:
            continue
        notebook = executed(path)
        if not options.check:
            nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
