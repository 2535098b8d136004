"""`client.monitor()`: 100 to 100,000 jobs in benchmarks of 100; steady, with ends, and its memory."""

from __future__ import annotations

from benchmarks.clients import incumbents
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene

JOBS = (100, 1_000, 10_000, 100_000)
INTERVAL = {100: 0.25, 1_000: 0.25, 10_000: 1.0, 100_000: 5.0}


def run(bench: Bench) -> None:
    """Compare the cases."""
    root = f"http://127.0.0.1:{bench.server.port}"
    few = min(bench.rounds, 3)
    for jobs in JOBS:
        settings = {"root": root, "jobs": jobs, "interval": INTERVAL[jobs]}
        entries = [
            Entry("aiobench", "benchmarks.watchers:Steady", settings),
            Entry("aiobench, aiohttp", "benchmarks.watchers:Steady", {**settings, "transport": "aiohttp"}),
        ]
        if jobs == 10_000:
            entries.append(Entry("aiobench, 1 kB an entry", "benchmarks.watchers:Steady", {**settings, "entry": 900}))
            entries += incumbents(bench, Scene())[:1]
        bench.compare("monitor", f"{jobs:,} jobs, steady", "job-poll", entries, rounds=few if jobs < 100_000 else 1)
    for jobs, span in ((100, 2.0), (1_000, 4.0), (10_000, 20.0)):
        settings = {"root": root, "jobs": jobs, "interval": 1.0, "span": span}
        entries = [Entry("aiobench", "benchmarks.watchers:Ending", settings)]
        bench.compare("monitor", f"{jobs:,} jobs end in {span:g} s", "job-poll", entries, rounds=1)
    for jobs in JOBS:
        settings = {"root": root, "jobs": jobs, "interval": INTERVAL[jobs]}
        entries = [Entry("aiobench", "benchmarks.watchers:Memory", settings)]
        bench.compare("monitor", f"{jobs:,} jobs, memory", "job", entries, rounds=1)
