"""What the demo says to run next is true."""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING

import anyio
import pytest

from aiobench import Finished
from aiobench.cli.next_steps import MANY, NOTEBOOK, PROGRAM
from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("code", [PROGRAM, NOTEBOOK, MANY])
def test_code_can_be_copied_from_80_columns(code: str) -> None:
    """Each example is valid Python (as in a notebook, with `await` at the top) and no line of it is broken."""
    compile(code, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    assert [line for line in code.splitlines() if len(line) > 80] == []


def test_monitor_example_reports_the_end_of_each_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines for many jobs, run as they stand, print the end of every job of the benchmark."""
    monkeypatch.chdir(tmp_path)
    printed: list[object] = []

    async def many(backend: LocalBackend) -> None:
        async with backend.client() as client:
            benchmark = await client.create_benchmark(
                "many", dataset="countries-de", models=["copy-source"], metrics=["exact-match"]
            )
            await benchmark.start()
            await benchmark.start()
            code = f"async def example(client):\n{textwrap.indent(MANY, '    ')}"
            names: dict[str, object] = {"print": printed.append}
            exec(code.replace("BENCHMARK_ID", benchmark.id), names)
            await names["example"](client)  # type: ignore[operator]

    with LocalBackend() as backend:
        anyio.run(many, backend)

    assert len([event for event in printed if isinstance(event, Finished)]) == 2
