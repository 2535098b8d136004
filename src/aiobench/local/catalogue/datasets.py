"""Datasets as people keep them: folders of a workspace with two UTF-8 files each."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiobench.errors import ConfigurationError
from aiobench.local.datasets import Dataset, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["load_datasets"]

LONGEST_FIELD = 2**31 - 1  # characters; Python's own limit is 128 kB, which a document exceeds


def load_datasets(root: Path) -> dict[str, Dataset]:
    """Read every dataset of a workspace, in the order of their ids.

    A dataset is a folder, named by its id, with two UTF-8 files: `dataset.json`, an object with `name`,
    `sourceLanguage`, `targetLanguage` and, if wanted, `description`; and `segments.csv` with the columns `source`,
    `reference` and, if wanted, `topic`.

    Hidden folders, such as a notebook's `.ipynb_checkpoints`, are none.

    Args:
        root: The folder that holds the datasets' folders.

    Returns:
        The datasets by id.

    Raises:
        ConfigurationError: A dataset cannot be read, or has no segments.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {folder.name: _load(folder) for folder in folders}


def _load(folder: Path) -> Dataset:
    try:
        about = json.loads(_text(folder / "dataset.json"))
        with _long_fields():
            rows = csv.DictReader(io.StringIO(_text(folder / "segments.csv"), newline=""))
            segments = tuple(Segment(row["source"], row["reference"], row.get("topic") or "") for row in rows)
        dataset = Dataset(
            id=folder.name,
            name=str(about["name"]),
            source_language=str(about["sourceLanguage"]),
            target_language=str(about["targetLanguage"]),
            description=str(about.get("description", "")),
            segments=segments,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise ConfigurationError(
            f"the dataset in {folder} cannot be read ({error!r}); it needs dataset.json with name, sourceLanguage "
            "and targetLanguage, and segments.csv with the columns source and reference"
        ) from error
    if not segments:
        raise ConfigurationError(f"the dataset in {folder} has no segments; add some to segments.csv or remove it")
    if not all(segment.source and segment.reference for segment in segments):
        raise ConfigurationError(
            f"the dataset in {folder} has a segment without source or reference; fill it or drop it"
        )
    return dataset


def _text(path: Path) -> str:
    """Read a UTF-8 file, with or without the mark that Windows programs put first."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from None


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
