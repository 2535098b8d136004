"""`client.monitor()`: 100 to 100,000 jobs in benchmarks of 100; steady, with ends, and its memory. Then a million.

The million is simulated: the platform answers from memory, and time jumps (`benchmarks/simulated.py`).
"""

from __future__ import annotations

from benchmarks.clients import incumbents
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene

JOBS = (100, 1_000, 10_000, 100_000)
INTERVAL = {100: 0.25, 1_000: 0.25, 10_000: 1.0, 100_000: 5.0}
SPAN = {100: 2.0, 1_000: 5.0, 10_000: 60.0, 100_000: 150.0}
WATCHERS = "benchmarks.watchers:"


def run(bench: Bench) -> None:
    """Compare the cases."""
    root = f"http://127.0.0.1:{bench.server.port}"
    for jobs in JOBS:
        settings = {"root": root, "jobs": jobs, "interval": INTERVAL[jobs]}
        entries = [Entry("aiobench", WATCHERS + "Steady", settings)]
        if jobs < 100_000:
            entries.append(Entry("aiobench, aiohttp", WATCHERS + "Steady", {**settings, "transport": "aiohttp"}))
        if jobs == 10_000:
            entries.append(Entry("aiobench, ETags", WATCHERS + "Steady", {**settings, "etags": 1}))
            entries.append(Entry("aiobench, each list differs", WATCHERS + "Steady", {**settings, "varies": 1}))
            entries.append(Entry("aiobench, 1 kB an entry", WATCHERS + "Steady", {**settings, "entry": 900}))
            entries += incumbents(bench, Scene())
        rounds = min(bench.rounds, 3) if jobs < 100_000 else 1
        bench.compare("monitor", f"{jobs:,} jobs, steady", "job-poll", entries, rounds=rounds, warm_up=False)
    for jobs, span in SPAN.items():
        settings = {"root": root, "jobs": jobs, "interval": 5.0 if jobs == 100_000 else 2.0, "span": span}
        entries = [Entry("aiobench", WATCHERS + "Ending", settings)]
        case = f"{jobs:,} jobs end within {span:g} s"
        bench.compare("monitor", case, "job-poll", entries, rounds=1, warm_up=False)
    for jobs in JOBS[1:]:
        settings = {"root": root, "jobs": jobs, "interval": INTERVAL[jobs]}
        bench.compare(
            "monitor", f"{jobs:,} jobs, entering", "job", [Entry("aiobench", WATCHERS + "Entering", settings)]
        )
    for jobs in (1_000, 10_000, 100_000):
        settings = {"root": root, "jobs": jobs, "interval": INTERVAL[jobs]}
        entries = [Entry("aiobench", WATCHERS + "Memory", settings)]
        bench.compare("monitor", f"{jobs:,} jobs, memory", "job", entries, rounds=1, warm_up=False)
    million = Entry("aiobench", WATCHERS + "Simulated", {"jobs": 1_000_000, "span": 300.0})
    bench.compare("monitor", "1,000,000 jobs, simulated", "job-poll", [million], rounds=1, warm_up=False)
