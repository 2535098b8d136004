"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["publish"]


def publish(path: Path, write: Callable[[Path], object]) -> None:
    """Let *write* fill a file beside *path*, then put it in its place; *path* keeps its content until then."""
    part = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{path.suffix}")
    try:
        write(part)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
