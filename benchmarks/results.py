"""`bench-results/`: the figures, one JSON file per benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "read", "write"]

FOLDER = Path("bench-results")


def write(name: str, machine: dict[str, str], figures: list[dict[str, Any]]) -> None:
    """Save the figures of one benchmark, replacing those of the previous run."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine, "figures": figures}, indent=1)
    FOLDER.joinpath(f"{name}.json").write_text(text + "\n", encoding="utf-8")


def read() -> list[dict[str, Any]]:
    """Read the figures of every benchmark that was run on this machine."""
    results = (json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json")))
    return [figure for result in results for figure in result["figures"]]
