"""A workspace: the folder with a backend's settings, datasets, jobs and results."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen, validators

from aiobench.errors import ConfigurationError
from aiobench.local.catalogue import Catalogue
from aiobench.local.catalogue.datasets import load_datasets
from aiobench.local.catalogue.demo import write_demo_datasets
from aiobench.local.catalogue.metrics import METRICS
from aiobench.local.catalogue.models import SystemModel
from aiobench.local.catalogue.systems import SYSTEMS
from aiobench.local.catalogue.tomls import read_workspace_file
from aiobench.local.engine.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aiobench.local.catalogue.metrics import Metric
    from aiobench.local.catalogue.models import Model
    from aiobench.local.datasets import Dataset

DEMO_SECONDS = 0.001  # the least that a segment takes, so that the jobs of the demo's quick systems can be watched

__all__ = ["Settings", "Workspace", "lock_workspace", "open_workspace"]


@frozen
class Settings:
    """The contents of `workspace.json`.

    Attributes:
        api_key: `apiKey`, the key that requests must carry.
        secret: `secret`, what result addresses are signed with.
        segment_seconds: `segmentSeconds`, the least a segment takes (0 to 60), so that a job of these fast systems
            has a course to watch.
        report_seconds: `reportSeconds`, how long a result address is good for (0 to 10**9).
    """

    api_key: str
    secret: str
    segment_seconds: float = field(validator=[validators.ge(0.0), validators.le(60.0)])
    report_seconds: float = field(validator=[validators.ge(0.0), validators.le(1e9)])


@frozen
class Workspace:
    """An open workspace."""

    root: Path
    settings: Settings
    catalogue: Catalogue

    @property
    def database(self) -> Path:
        """The path of the database of benchmarks and jobs."""
        return self.root / "jobs.sqlite"

    def store(self) -> Store:
        """Open the store for the current thread."""
        return Store(self.database, self.catalogue.metrics)

    def results(self, job_id: str) -> Path:
        """Return the path of a job's results."""
        return self.root / "results" / f"{job_id}.csv"


def lock_workspace(root: Path) -> sqlite3.Connection:
    """Lock a workspace for this backend, creating the folder if necessary.

    The lock is SQLite's, on a file of its own: alike on every system, and gone with the process that holds it.

    Args:
        root: The folder.

    Returns:
        What holds the lock; close it to let go.

    Raises:
        ConfigurationError: The folder cannot be used, or another backend has it.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(root / "lock", timeout=0.0, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(root, error) from error
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY":
            raise ConfigurationError(
                f"another local backend uses the workspace {root}; stop it, or choose another folder"
            ) from error
        raise _unusable(root, error) from error
    return lock


def open_workspace(
    root: Path,
    *,
    datasets: Mapping[str, Dataset] | None = None,
    models: Mapping[str, Model] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    segment_seconds: float = 0.0,
) -> Workspace:
    """Read a workspace and create what is missing: an empty folder becomes the demo's.

    A folder with a `workspace.toml` offers what that file names, and neither the demo's datasets nor its systems.

    Args:
        root: The folder, locked.
        datasets: More datasets to offer, by id.
        models: More models.
        metrics: More metrics.
        segment_seconds: The least a segment takes, in place of what the folder says; 0: what it says.

    Returns:
        The workspace.

    Raises:
        ConfigurationError: Something in the folder cannot be read or written.
    """
    try:
        file = root / "workspace.toml"
        is_demo = not (file.exists() or datasets or models)
        settings = _settings(root / "workspace.json", segment_seconds=DEMO_SECONDS if is_demo else 0.0)
        own = read_workspace_file(file) if file.exists() else None
        if own is None and not (root / "datasets").exists():
            unfinished = root / "datasets.part"
            if unfinished.exists():  # of a start that was killed
                shutil.rmtree(unfinished)
            write_demo_datasets(unfinished)
            unfinished.rename(root / "datasets")
        (root / "results").mkdir(exist_ok=True)
        for unfinished in (root / "results").glob("*.part"):  # of jobs that ran when a backend was killed
            unfinished.unlink()
        if segment_seconds:
            settings = evolve(settings, segment_seconds=segment_seconds)
        own = own or Catalogue({}, {name: SystemModel.of(name, system) for name, system in SYSTEMS.items()}, {})
        catalogue = Catalogue(
            datasets={**load_datasets(root / "datasets"), **own.datasets, **(datasets or {})},
            models={**own.models, **(models or {})},
            metrics=ChainMap(dict(metrics or {}), dict(own.metrics), METRICS),
        )
        workspace = Workspace(root, settings, catalogue)
        with workspace.store():
            pass
    except (OSError, sqlite3.Error) as error:
        raise _unusable(root, error) from error
    return workspace


def _unusable(root: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the workspace {root} cannot be used: {error}; choose another folder")


def _settings(path: Path, *, segment_seconds: float) -> Settings:
    defaults: dict[str, Any] = {
        "apiKey": secrets.token_hex(32),
        "secret": secrets.token_hex(32),
        "segmentSeconds": segment_seconds,
        "reportSeconds": 3600.0,
    }
    try:
        kept: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        merged = defaults | kept
        settings = Settings(
            api_key=str(merged["apiKey"]),
            secret=str(merged["secret"]),
            segment_seconds=float(merged["segmentSeconds"]),
            report_seconds=float(merged["reportSeconds"]),
        )
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{path} does not hold the settings of a workspace ({error}); mend it or delete it"
        ) from error
    if merged != kept:
        # Whole or not at all. The key is in it: for the owner's eyes only, from the first byte on.
        unfinished = path.with_name(f"{path.name}.part")
        unfinished.unlink(missing_ok=True)
        private = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(private, "w", encoding="utf-8") as file:
            file.write(json.dumps(merged, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    return settings
