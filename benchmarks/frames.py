"""Results into a frame: 200,000 rows; CPU, and how late the event loop is meanwhile."""

from __future__ import annotations

from benchmarks.clients import incumbents
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene


def run(bench: Bench) -> None:
    """Compare the contenders."""
    scene = Scene()
    settings = {"url": bench.server.url(scene), "files": 1, "megabytes": 1, "frames": True}
    environment = incumbents(bench, scene)[0].environment
    entries = [
        Entry("aiobench", "benchmarks.loaders:Aiobench", settings),
        Entry("httpx, pandas on the loop", "benchmarks.loaders:Httpx", settings),
        Entry("aixplain 0.2.48", "benchmarks.loaders:Incumbent", settings, environment),
        Entry("pandas alone", "benchmarks.loaders:Pandas", settings),
        Entry("half a second of nothing", "benchmarks.loaders:Nothing", settings),
    ]
    bench.compare("frames", "200,000 rows", "frame", entries)
