"""Results to disk: 1, 50 and 500 MB; CPU per MB, and memory above the idle process."""

from __future__ import annotations

from benchmarks.clients import incumbents
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene


def run(bench: Bench) -> None:
    """Compare the cases."""
    for megabytes, files in ((1, 20), (50, 1), (500, 1)):
        scene = Scene(bytes=megabytes * 10**6)
        settings = {"url": bench.server.url(scene), "files": files, "megabytes": megabytes}
        entries = [
            Entry("aiobench", "benchmarks.loaders:Aiobench", settings),
            Entry("aiobench, aiohttp", "benchmarks.loaders:Aiobench", {**settings, "transport": "aiohttp"}),
            Entry("httpx, streaming", "benchmarks.loaders:Httpx", settings),
        ]
        if megabytes < 500:  # it needs more than twice the file in memory
            environment = incumbents(bench, scene)[0].environment
            entries.append(Entry("aixplain 0.2.48", "benchmarks.loaders:Incumbent", settings, environment))
        rounds = min(bench.rounds, 3) if megabytes == 500 else bench.rounds
        bench.compare("downloads", f"{megabytes} MB", "MB", entries, rounds=rounds, warm_up=megabytes < 500)
