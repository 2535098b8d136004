"""The benchmarks: what one round leaves is what the next one needs."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("shape", ["a list of jobs", "numbers"])
@pytest.mark.parametrize("name", ["Ours", "Msgspec"])
def test_each_decoder_works(monkeypatch: pytest.MonkeyPatch, name: str, shape: str) -> None:
    """What a client takes is decoded, and how late the loop is meanwhile is told."""
    monkeypatch.syspath_prepend(str(ROOT))
    contender, documents = (import_module(f"benchmarks.{each}") for each in ("contender", "documents"))
    monkeypatch.setattr(documents, "CAP", 2**16)
    decoder = getattr(documents, name)(shape)
    found = asyncio.run(decoder.round(0.0, contender.Meter(None)))
    assert 0.5 < found["units"] * 2**20 / 2**16 < 1.01
    assert 0.0 <= found["late_without_collector_ms"] < 10_000


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
