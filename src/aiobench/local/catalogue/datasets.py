"""Datasets: tables turned into segments, and the dataset folders in a workspace."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from aiobench.local.catalogue.problems import DataError, refuse
from aiobench.local.catalogue.tables import read_frame, read_table, read_text
from aiobench.local.datasets import Dataset, Segment

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aiobench.local.catalogue.tables import Row, Table

__all__ = ["Columns", "ids_of", "load_datasets", "make_dataset", "registered_datasets", "table_of"]

IDS = ("segment_id", "id")  # columns that hold the segments' ids if none is named


@frozen
class Columns:
    """Which columns of a table hold what.

    Attributes:
        source: What models are given.
        reference: What their output is compared with.
        topic: What a segment is about; used if the table has it.
        id: The segments' ids. None: `segment_id` or `id` if the table has one of them, otherwise rows are numbered
            from 0.
    """

    source: str = "source"
    reference: str = "reference"
    topic: str = "topic"
    id: str | None = None


def make_dataset(
    dataset_id: str,
    table: Table,
    columns: Columns,
    *,
    keep: Collection[str] = (),
    name: str = "",
    source_language: str = "",
    target_language: str = "",
    description: str = "",
) -> Dataset:
    """Turn a table into a dataset.

    Args:
        dataset_id: Its id.
        table: One row per segment.
        columns: Which columns hold what.
        keep: Columns to keep with their segments although they have a role.
        name: Its name. Defaults to the id.
        source_language: An ISO 639 code, if known.
        target_language: Likewise.
        description: A sentence about it.

    Returns:
        The dataset. Columns without a role are kept with their segments.

    Raises:
        DataError: If a column is missing, there is no row, a source or reference is empty, or ids repeat.
    """
    wanted = [columns.source, columns.reference, *([columns.id] if columns.id else [])]
    absent = [column for column in wanted if column not in table.columns]
    if absent:
        there_are = ", ".join(map(repr, table.columns)) or "none"
        raise DataError([f"{table.origin} has no column {column!r}; it has {there_are}" for column in absent])
    if not table.rows:
        raise DataError([f"{table.origin} has no segments; add rows below the column names"])
    id_column, ids = ids_of(table, columns.id)
    roles = {columns.source, columns.reference, columns.topic, id_column}
    others = tuple(column for column in table.columns if column not in roles or column in keep)
    mistakes: list[str] = []
    places: dict[str, str] = {}
    segments: list[Segment] = []
    for segment_id, row in zip(ids, table.rows, strict=True):
        mistakes += _row_mistakes(row, columns, segment_id, id_column, places)
        places.setdefault(segment_id, row.place)
        segments.append(
            Segment(
                id=segment_id,
                source=row.cells.get(columns.source, ""),
                reference=row.cells.get(columns.reference, ""),
                topic=row.cells.get(columns.topic, ""),
                columns={column: row.cells[column] for column in others if column in row.cells},
            )
        )
    if mistakes:
        raise DataError(mistakes)
    return Dataset(
        dataset_id, name or dataset_id, source_language, target_language, description, tuple(segments), others
    )


def ids_of(table: Table, column: str | None = None) -> tuple[str | None, list[str]]:
    """Return the name of the id column and each row's id; an empty id counts as missing.

    Args:
        table: One row per segment.
        column: The column. None: see `Columns.id`.
    """
    column = column or next((each for each in IDS if each in table.columns), None)
    if column is None:
        return None, [str(number) for number in range(len(table.rows))]
    return column, [row.cells.get(column, "") for row in table.rows]


def _row_mistakes(
    row: Row, columns: Columns, segment_id: str, id_column: str | None, places: dict[str, str]
) -> list[str]:
    mistakes = [
        f"{row.place}: a segment without source or reference: {column!r} is empty; fill it or drop the row"
        for column in (columns.source, columns.reference)
        if column not in row.cells
    ]
    if not segment_id:
        mistakes.append(f"{row.place}: {id_column!r} is empty; give the segment an id")
    elif segment_id in places:
        earlier = places[segment_id]
        mistakes.append(f"{row.place}: the id {segment_id!r} is already that of {earlier}; ids must be unique")
    return mistakes


def table_of(data: object) -> Table:
    """Read a table of segments.

    Args:
        data: A frame, or the path of a CSV, JSON lines or Parquet file.

    Raises:
        DataError: If it cannot be read.
    """
    if isinstance(data, str | os.PathLike):
        return read_table(Path(data))
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return read_frame(data)
    raise DataError([f"the data must be a frame or the path of a file, not {type(data).__name__}"])


def registered_datasets(datasets: Mapping[str, object]) -> dict[str, Dataset]:
    """Return the user's datasets by id.

    Args:
        datasets: A frame or the path of a file, by id.

    Raises:
        ConfigurationError: If one cannot be used, with all mistakes of all of them.
    """
    found: dict[str, Dataset] = {}
    mistakes: list[str] = []
    for name, data in datasets.items():
        try:
            found[name] = make_dataset(name, table_of(data), Columns())
        except DataError as error:
            mistakes += [f"dataset {name!r}: {mistake}" for mistake in error.mistakes]
    refuse(mistakes)
    return found


def load_datasets(root: Path) -> dict[str, Dataset]:
    """Read every dataset folder in a workspace, ordered by id.

    A dataset is a folder, named by its id, with two UTF-8 files: `dataset.json`, an object with `name`,
    `sourceLanguage`, `targetLanguage` and, optionally, `description`; and `segments.csv` with the columns `source`,
    `reference` and, optionally, `segment_id`, `topic` and any others. Hidden folders are not datasets.

    Args:
        root: The folder that holds the datasets' folders.

    Returns:
        The datasets by id; none if there is no such folder.

    Raises:
        ConfigurationError: If a dataset cannot be read or has no segments.
    """
    if not root.exists():
        return {}
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    datasets: dict[str, Dataset] = {}
    mistakes: list[str] = []
    for folder in folders:
        try:
            datasets[folder.name] = _load(folder)
        except DataError as error:
            mistakes += [f"dataset {folder.name!r} cannot be read: {mistake}" for mistake in error.mistakes]
    refuse(mistakes)
    return datasets


def _load(folder: Path) -> Dataset:
    about = _about(folder / "dataset.json")
    return make_dataset(
        folder.name,
        read_table(folder / "segments.csv"),
        Columns(),
        name=about["name"],
        source_language=about["sourceLanguage"],
        target_language=about["targetLanguage"],
        description=about.get("description", ""),
    )


def _about(path: Path) -> dict[str, str]:
    try:
        about: Any = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError([f"{path} is not JSON: {error}"]) from error
    if not isinstance(about, dict):
        raise DataError([f"{path} must hold a JSON object"])
    absent = [key for key in ("name", "sourceLanguage", "targetLanguage") if key not in about]
    if absent:
        raise DataError([f"{path} lacks {', '.join(absent)}"])
    return {str(key): str(value) for key, value in about.items()}
