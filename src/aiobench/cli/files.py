"""Frames to files, by the ending of the name: whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aiobench._files import publish
from aiobench.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["READ_ENDINGS", "check_target", "publish", "write_frame", "write_rows"]

WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".xlsx": lambda frame, path: frame.to_excel(path, index=False),
    ".md": lambda frame, path: path.write_text(frame.to_markdown(index=False) + "\n", encoding="utf-8"),
    ".tex": lambda frame, path: frame.to_latex(path, index=False, escape=True),
}
READ_ENDINGS = frozenset({".csv", ".parquet", ".jsonl"})


def check_target(path: Path, endings: object = WRITERS) -> None:
    """Refuse a file that could not be written, before any work is done for it.

    Raises:
        ConfigurationError: If the ending is unknown.
        OSError: If the folder is missing or cannot be written.
    """
    known = list(endings)  # type: ignore[call-overload]  # a collection of endings
    if path.suffix.lower() not in known:
        raise ConfigurationError(f"{path}: the ending {path.suffix!r} is unknown; use {', '.join(known)}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {path.parent} is not writable")


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame; *path* keeps its old content until the new one is whole.

    Raises:
        MissingExtraError: If the format needs a package that is not installed.
        OSError: If the file cannot be written.
    """
    writer = WRITERS[path.suffix.lower()]
    try:
        publish(path, lambda part: writer(frame, part))
    except ImportError as error:
        raise MissingExtraError(f"writing {path.suffix} files", extra="export") from error


def write_rows(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """Write rows as `write_frame()` does a frame."""
    import pandas as pd

    write_frame(pd.DataFrame(rows), path)
