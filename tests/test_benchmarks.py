"""The benchmarks: what one round leaves is what the next one needs."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["Aiobench", "Httpx", "Pandas"])
def test_each_loader_works_round_after_round(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A contender that prepares a round still has its file, its client and its connections."""
    monkeypatch.syspath_prepend(str(ROOT))
    contender, loaders, processes, scene = (
        import_module(f"benchmarks.{each}") for each in ("contender", "loaders", "processes", "scene")
    )

    async def rounds(loader: Any) -> list[int]:
        await loader.start()
        units = []
        for _ in range(2):
            await loader.prepare()
            units.append((await loader.round(0.0, contender.Meter(None)))["units"])
        await loader.stop()
        return units

    with processes.server() as server:
        url = server.url(scene.Scene(bytes=100_000))
        assert asyncio.run(rounds(getattr(loaders, name)(url=url, files=1, megabytes=1))) == [1, 1]
