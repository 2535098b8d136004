"""`workspace.toml`: a workspace's datasets, models and metrics, in a file that people write."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from aiobench.errors import ConfigurationError
from aiobench.local.catalogue import Catalogue
from aiobench.local.catalogue.datasets import Columns, ids_of, make_dataset
from aiobench.local.catalogue.metrics import chosen_metric, configured_metric, function_metric
from aiobench.local.catalogue.models import FileModel
from aiobench.local.catalogue.outside import CommandModel
from aiobench.local.catalogue.problems import DataError, refuse
from aiobench.local.catalogue.registered import registered_models
from aiobench.local.catalogue.tables import read_table, read_text
from aiobench.local.registration import model as limited
from aiobench.local.registration import predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aiobench.local.catalogue.metrics import Metric
    from aiobench.local.catalogue.models import Model
    from aiobench.local.datasets import Dataset

__all__ = ["read_workspace_file"]

T = TypeVar("T")

SECTIONS = ("datasets", "models", "metrics")
OF_DATASET = {
    "file", "source", "reference", "topic", "id", "name", "source_language", "target_language", "description",
}  # fmt: skip
LIMITS = ("timeout", "retries", "concurrency")
MORE_OF_MODEL: dict[str, tuple[str, ...]] = {
    "file": ("predictions",),
    "function": LIMITS,
    "endpoint": LIMITS,
    "command": LIMITS,
}
KINDS_OF_MODEL = ("predictions", "file", "function", "endpoint", "command")


class _Entry:
    """One table of the file, which knows its place for error messages."""

    def __init__(self, path: Path, line: int, title: str, values: dict[str, Any]) -> None:
        self.place = f"{path}, line {line}, [{title}]"
        self.folder = path.parent
        self.values = values

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text.

        Raises:
            DataError: If it is missing, or is no text.
        """
        value = self.values.get(key, default)
        if not isinstance(value, str) or (not value and default is None):
            what = "is missing" if key not in self.values else f"must be a text, not {value!r}"
            raise DataError([f"{self.place}: {key} {what}"])
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false.

        Raises:
            DataError: If it is neither.
        """
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise DataError([f"{self.place}: {key} must be true or false, not {value!r}"])
        return value

    def refuse_others(self, known: set[str]) -> None:
        """Reject unknown keys."""
        others = sorted(self.values.keys() - known)
        if others:
            raise DataError([f"{self.place}: {others[0]!r} is unknown; there are {', '.join(sorted(known))}"])


def read_workspace_file(path: Path) -> Catalogue:
    """Read `workspace.toml`.

    Args:
        path: The file.

    Returns:
        Its datasets, models and metrics, by id.

    Raises:
        ConfigurationError: If something in it is wrong: all of it is listed, with file and line.
    """
    try:
        text = read_text(path)
        content = tomllib.loads(text)
    except DataError as error:
        raise ConfigurationError(str(error)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    mistakes = [
        f"{path}: {name!r} is unknown; there are {', '.join(SECTIONS)}" for name in content if name not in SECTIONS
    ]
    datasets = _section(path, text, content, "datasets", _dataset, mistakes)
    models = _section(path, text, content, "models", _model, mistakes)
    metrics = _section(path, text, content, "metrics", _metric, mistakes)
    refuse(mistakes)
    return Catalogue(datasets, models, metrics)


def _section(
    path: Path,
    text: str,
    content: Mapping[str, Any],
    section: str,
    read: Callable[[str, _Entry], T],
    mistakes: list[str],
) -> dict[str, T]:
    """Read a section's tables; mistakes are added to the list."""
    tables: Any = content.get(section, {})
    found: dict[str, T] = {}
    if not isinstance(tables, dict):
        mistakes.append(f"{path}: {section} must hold tables, such as [{section}.NAME]")
        return found
    for name, values in tables.items():
        title = f"{section}.{name}"
        entry = _Entry(path, _line_of(text, section, name), title, values if isinstance(values, dict) else {})
        if not isinstance(values, dict):
            mistakes.append(f"{entry.place}: must be a table")
            continue
        try:
            found[name] = read(name, entry)
        except DataError as error:
            mistakes += [each if each.startswith(str(path)) else f"{entry.place}: {each}" for each in error.mistakes]
        except ConfigurationError as error:
            mistakes.append(f"{entry.place}: {error}")
    return found


def _line_of(text: str, section: str, name: str) -> int:
    """Return the line where a table begins, which `tomllib` does not tell."""
    quoted = rf"""(?:{re.escape(name)}|"{re.escape(name)}"|'{re.escape(name)}')"""
    header = re.search(rf"^\s*\[\s*{section}\s*\.\s*{quoted}\s*\]", text, re.MULTILINE)
    inside = re.search(rf"^\s*{quoted}\s*=", text, re.MULTILINE)
    place = header or inside
    return text.count("\n", 0, place.end()) + 1 if place else 1


def _dataset(name: str, entry: _Entry) -> Dataset:
    entry.refuse_others(OF_DATASET)
    columns = Columns(
        source=entry.text("source", "source"),
        reference=entry.text("reference", "reference"),
        topic=entry.text("topic", "topic"),
        id=entry.text("id") if "id" in entry.values else None,
    )
    return make_dataset(
        name,
        read_table(entry.folder / entry.text("file")),
        columns,
        name=entry.text("name", name),
        source_language=entry.text("source_language", ""),
        target_language=entry.text("target_language", ""),
        description=entry.text("description", ""),
    )


def _model(name: str, entry: _Entry) -> Model:
    kinds = [kind for kind in KINDS_OF_MODEL if kind in entry.values]
    if "file" in kinds and "predictions" in kinds:  # the file's column
        kinds.remove("predictions")
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none"
        raise DataError([f"{entry.place}: give one of {', '.join(KINDS_OF_MODEL)}, not {given}"])
    (kind,) = kinds
    entry.refuse_others({kind, "label", *MORE_OF_MODEL.get(kind, ())})
    model = _MODELS[kind](name, entry)
    return evolve(model, label=entry.text("label", name))


def _predicted(name: str, entry: _Entry) -> Model:
    return _registered(name, predictions(entry.text("predictions")))


def _called(name: str, entry: _Entry) -> Model:
    return _registered(name, _limited(_function(entry), entry))


def _limited(runs: Any, entry: _Entry) -> limited:
    return limited(runs, **{limit: entry.values[limit] for limit in LIMITS if limit in entry.values})


def _from_file(name: str, entry: _Entry) -> Model:
    path = entry.folder / entry.text("file")
    column = entry.text("predictions", "prediction")
    table = read_table(path)
    if column not in table.columns:
        there_are = ", ".join(map(repr, table.columns))
        raise DataError([f"{entry.place}: {path} has no column {column!r}; it has {there_are}"])
    outputs: dict[str, str] = {}
    mistakes: list[str] = []
    for segment_id, row in zip(ids_of(table)[1], table.rows, strict=True):
        if segment_id in outputs:
            mistakes.append(f"{row.place}: there is another prediction for segment {segment_id!r}")
        elif column in row.cells:
            outputs[segment_id] = row.cells[column]
    if mistakes:
        raise DataError(mistakes)
    return FileModel(name, str(path), outputs, supplier="file", description=f"The predictions in {path.name}.")


def _endpoint(name: str, entry: _Entry) -> Model:
    return _registered(name, _limited(entry.text("endpoint"), entry))


def _command(name: str, entry: _Entry) -> Model:
    words = entry.values["command"]
    try:
        split = shlex.split(words) if isinstance(words, str) else words
    except ValueError as error:
        raise DataError([f"{entry.place}: the command {words!r} cannot be read: {error}"]) from error
    model = _registered(name, _limited(split, entry))
    if not isinstance(model, CommandModel):
        raise DataError([f"{entry.place}: command must be a text or a list of words, not {words!r}"])
    return evolve(model, folder=str(entry.folder))


_MODELS = {
    "predictions": _predicted,
    "file": _from_file,
    "function": _called,
    "endpoint": _endpoint,
    "command": _command,
}


def _registered(name: str, model: object) -> Model:
    (found,) = registered_models({name: model}).values()
    return found


def _metric(name: str, entry: _Entry) -> Metric:
    if "function" in entry.values:
        entry.refuse_others({"function", "name", "lower_is_better"})
        metric = function_metric(entry.text("name", name), _function(entry))
        is_lower_better = entry.flag("lower_is_better", default=metric.lower_is_better)
        return evolve(metric, id=name, lower_is_better=is_lower_better)
    parameters = {key: value for key, value in entry.values.items() if key not in {"metric", "name"}}
    base = chosen_metric(entry.text("metric"))
    return configured_metric(name, base, parameters, label=entry.text("name", name if parameters else base.name))


def _function(entry: _Entry) -> Any:
    """Import `package.module:function`; the module may be next to the file."""
    reference = entry.text("function")
    module, colon, name = reference.partition(":")
    if not (module and colon and name):
        raise DataError([f"{entry.place}: function must be package.module:function, not {reference!r}"])
    if str(entry.folder) not in sys.path:
        sys.path.insert(0, str(entry.folder))  # for good: the processes of an executor import them, too
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever a user's module raises
        raise DataError([f"{entry.place}: {reference} cannot be imported: {type(error).__name__}: {error}"]) from error
    if not callable(found):
        raise DataError([f"{entry.place}: {reference} is no function"])
    return found
