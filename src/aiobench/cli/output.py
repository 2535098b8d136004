"""What goes to stdout: JSON, ids or tables. Hints and progress go to stderr."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiobench import JobSnapshot

__all__ = ["hint", "job_fields", "print_ids", "print_json", "print_json_line"]


def print_json(document: Any) -> None:
    """Print one JSON document; figures that JSON does not know are null."""
    sys.stdout.write(_encoded(document, indent=2) + "\n")


def print_json_line(document: Any) -> None:
    """Print one line of JSON, at once."""
    sys.stdout.write(_encoded(document, indent=None) + "\n")
    sys.stdout.flush()


def print_ids(ids: Iterable[str]) -> None:
    """Print ids, one per line."""
    for each in ids:
        sys.stdout.write(f"{each}\n")


def hint(text: str) -> None:
    """Say something to the person at the terminal that is no part of the output."""
    sys.stderr.write(f"aiobench: {text}\n")


def job_fields(snapshot: JobSnapshot) -> dict[str, Any]:
    """Return a job at one poll as `--json` shows it."""
    progress = snapshot.progress
    return {
        "id": snapshot.id,
        "status": snapshot.status,
        "benchmark_id": snapshot.benchmark_id,
        "benchmark": snapshot.benchmark_name,
        "is_terminal": snapshot.is_terminal,
        "succeeded": snapshot.succeeded,
        "completed_percentage": progress.completed_percentage,
        "used_credits": progress.used_credits,
        "models": len(snapshot.iterations),
        "failed_models": len(snapshot.failed_iterations),
        "started_at": snapshot.started_at.isoformat() if snapshot.started_at else None,
        "updated_at": snapshot.updated_at.isoformat() if snapshot.updated_at else None,
    }


def _encoded(document: Any, *, indent: int | None) -> str:
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(_plain(document), ensure_ascii=not is_unicode, indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item"):  # numpy's scalars
        return _plain(value.item())
    return str(value)
