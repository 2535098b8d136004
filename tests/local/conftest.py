"""What the tests of the local backend stand on: one shared backend, small workspaces, and a plain HTTP client.

The client is httpx, not ours: these tests check the server's side of docs/reference/wire.md on its own.
"""

from __future__ import annotations

import csv
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

DEADLINE = 30.0


class Platform:
    """A client of one backend that knows how to make benchmarks and to poll jobs with a deadline."""

    def __init__(self, backend: LocalBackend) -> None:
        self.backend = backend
        self.http = httpx.Client(
            base_url=backend.base_url, headers={"Authorization": f"Token {backend.api_key}"}, timeout=10.0
        )

    def create(self, dataset: str, models: Sequence[Any], metrics: Sequence[Any]) -> str:
        """Create a benchmark; models are ids, or objects with display names."""
        named = [model for model in models if not isinstance(model, str)]
        body: dict[str, Any] = {
            "name": "test",
            "datasets": [dataset],
            "metrics": [m if isinstance(m, dict) else {"id": m, "configurations": [[]]} for m in metrics],
            "model": [model for model in models if isinstance(model, str)],
            "shapScores": [],
            "humanEvaluationReport": False,
            "automodeTraining": False,
        }
        if named:
            body["models"] = named
        reply = self.http.post("/sdk/benchmarks", json=body)
        assert reply.status_code == 201, reply.text
        return reply.json()["id"]

    def start(self, benchmark_id: str) -> str:
        """Start a benchmark; return the job's id."""
        return self.http.post(f"/sdk/benchmarks/{benchmark_id}/start").json()["jobId"]

    def job(self, job_id: str) -> dict[str, Any]:
        """Fetch a job's document."""
        return self.http.get(f"/sdk/benchmarks/jobs/{job_id}").json()

    def until(self, job_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll a job until something is true of its document; return the document."""
        return self.history(job_id, true)[-1]

    def history(self, job_id: str, true: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Poll a job until something is true of its document; return every document seen."""
        deadline = time.monotonic() + DEADLINE
        seen = [self.job(job_id)]
        while not true(seen[-1]):
            assert time.monotonic() < deadline, seen[-1]["status"]
            seen.append(self.job(job_id))
        return seen

    def run(self, dataset: str, models: Sequence[Any], metrics: Sequence[Any]) -> dict[str, Any]:
        """Create and run a benchmark to its end; return the job's document."""
        return self.until(self.start(self.create(dataset, models, metrics)), ended)

    def rows(self, document: dict[str, Any]) -> list[dict[str, str]]:
        """Fetch the results of a job, without the key, as rows of text."""
        reply = httpx.get(document["reportUrl"])
        assert reply.status_code == 200, reply.text
        return list(csv.DictReader(reply.text.splitlines(keepends=True)))


def ended(document: dict[str, Any]) -> bool:
    """Tell whether a document is a job's last."""
    return document["status"] in ("completed", "failed")


@pytest.fixture
def is_ended() -> Callable[[dict[str, Any]], bool]:
    """Give the tests `ended`, for polling."""
    return ended


TINY = (
    ("Germany", "Deutschland", "Europe"),
    ("South Africa", "Südafrika", "Africa"),
    ("United States", "Vereinigte Staaten von Amerika", "America"),
    ("Atlantis", "Atlantis", ""),
)


def write_workspace(root: Path, **settings: Any) -> Path:
    """Make a workspace with one dataset of four segments, German, and the given settings."""
    folder = root / "datasets" / "tiny"
    folder.mkdir(parents=True)
    about = {"name": "Tiny", "sourceLanguage": "en", "targetLanguage": "de"}
    (folder / "dataset.json").write_text(json.dumps(about), "utf-8")
    with (folder / "segments.csv").open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows([("source", "reference", "topic"), *TINY])
    (root / "workspace.json").write_text(json.dumps({"segmentSeconds": 0, **settings}), "utf-8")
    return root


@pytest.fixture
def make_workspace(tmp_path: Path) -> Callable[..., Path]:
    """Give the tests `write_workspace` below their own folder."""
    return lambda **settings: write_workspace(tmp_path / "workspace", **settings)


@pytest.fixture
def connect() -> Iterator[Callable[[LocalBackend], Platform]]:
    """Make a Platform for a backend of the test's own, and close it afterwards."""
    made: list[Platform] = []

    def make(backend: LocalBackend) -> Platform:
        made.append(Platform(backend))
        return made[-1]

    yield make
    for platform in made:
        platform.http.close()


@pytest.fixture(scope="session")
def demo() -> Iterator[Platform]:
    """Share one backend with the demo's data."""
    with LocalBackend() as backend:
        platform = Platform(backend)
        yield platform
        platform.http.close()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Share one backend with the tiny dataset."""
    with LocalBackend(write_workspace(tmp_path_factory.mktemp("tiny"))) as backend:
        platform = Platform(backend)
        yield platform
        platform.http.close()


@pytest.fixture(scope="session")
def demo_job(demo: Platform) -> list[dict[str, Any]]:
    """Share the documents of a whole job of the demo: every model, every metric."""
    benchmark = demo.create("countries-de", list(demo.backend.models), list(demo.backend.metrics))
    return demo.history(demo.start(benchmark), ended)
