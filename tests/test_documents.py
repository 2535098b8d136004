"""Every block of Python in the README and in the documentation runs, block after block, against the local backend."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import aiobench
from aiobench import errors
from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


async def finished_job(backend: LocalBackend) -> tuple[str, str]:
    """Run a small benchmark and return its id and its job's."""
    async with backend.client() as client:
        benchmark = await client.create_benchmark(
            "documents", dataset="countries-de", models=["iso-gettext", "copy-source"], metrics=["exact-match"]
        )
        job = await benchmark.start()
        await job.wait(timeout=60)
        return benchmark.id, job.id


@pytest.fixture(scope="module")
def platform() -> Iterator[dict[str, str]]:
    """A backend with one finished job, as the environment that a reader would have set."""
    with LocalBackend() as backend:
        benchmark_id, job_id = asyncio.run(finished_job(backend))
        yield {
            "BACKEND_URL": backend.base_url,
            "TEAM_API_KEY": backend.api_key,
            "BENCHMARK_ID": benchmark_id,
            "JOB_ID": job_id,
        }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_of_a_document_run(
    document: str, platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who pastes the blocks of one page in order gets no error."""
    for name, value in platform.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    for example in Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT)).parse(ROOT / document).examples():
        example.evaluate()


def test_the_reference_names_what_the_package_exports() -> None:
    """Every public name has its place in the reference, each once; errors have theirs as a module."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = re.findall(r"^::: aiobench\.(\w+)$", pages, re.MULTILINE)

    assert sorted({*aiobench.__all__} - {*errors.__all__, "__version__"}) == sorted({*named} - {"errors"})
    assert len(named) == len({*named})
