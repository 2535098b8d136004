"""`check_status()`: documents of three sizes, 1 to 1000 in flight, idle connections, slow servers, TLS; `wait()`.

Each job's document is the same at every poll, as it is for most polls of a job; one case has documents that differ.
"""

from __future__ import annotations

from benchmarks.clients import aiobench, incumbents, plain
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene

ALL = ("httpx", "aiohttp", "floor")
WITHOUT_POOL = ("aiohttp", "floor")  # httpx's pool takes seconds for hundreds in flight


def run(bench: Bench) -> None:
    """Compare the cases."""
    small = Scene(size=1000)
    for in_flight in (1, 8, 32, 100, 300, 1000):
        with_incumbents = in_flight in {1, 32, 300}
        entries = aiobench(bench, small, in_flight, with_httpx2=with_incumbents) + plain(
            bench, small, in_flight, *(ALL if in_flight <= 100 else WITHOUT_POOL)
        )
        if with_incumbents:
            entries += incumbents(bench, small, older=in_flight == 32)
        bench.compare("poll", f"1 kB, {in_flight} in flight", "poll", entries)
    entries = [
        Entry(f"{in_flight} in flight", each.kind, each.settings)
        for in_flight in (1, 8, 32, 100, 300)
        for each in aiobench(bench, small, in_flight)[:1]
    ]
    bench.compare("poll", "1 kB, side by side", "poll", entries)
    for size, in_flight in ((20_000, 1), (20_000, 32), (20_000, 300), (200_000, 8)):
        scene = Scene(size=size)
        entries = aiobench(bench, scene, in_flight) + plain(bench, scene, in_flight, *WITHOUT_POOL)
        bench.compare("poll", f"{size // 1000} kB, {in_flight} in flight", "poll", entries + incumbents(bench, scene))
    differing = Scene(size=20_000, varies=1)
    entries = aiobench(bench, differing, 32) + incumbents(bench, differing)
    bench.compare("poll", "20 kB, 32 in flight, each differs", "poll", entries)
    idle = aiobench(bench, small, 1, idle=300) + plain(bench, small, 1, "httpx", "aiohttp", idle=300)
    bench.compare("poll", "1 kB, 1 in flight, 300 idle", "poll", idle)
    for delay in (20, 100):
        slow = Scene(size=1000, delay=delay)
        entries = aiobench(bench, slow, 100) + plain(bench, slow, 100, "aiohttp") + incumbents(bench, slow)
        bench.compare("poll", f"1 kB, 100 in flight, {delay} ms", "poll", entries, seconds=0.5)
    entries = aiobench(bench, small, 8, tls=True) + plain(bench, small, 8, *ALL, tls=True)
    bench.compare("poll", "1 kB, 8 in flight, TLS", "poll", entries + incumbents(bench, small, tls=True))
    for size in (1000, 20_000):
        settings = {"root": f"http://127.0.0.1:{bench.server.port}", "size": size}
        entries = [
            Entry("aiobench", "benchmarks.waiters:Aiobench", settings),
            Entry("aiobench, ETags", "benchmarks.waiters:Aiobench", {**settings, "etags": 1}),
            Entry("openai", "benchmarks.waiters:Openai", settings),
            Entry("huggingface_hub", "benchmarks.waiters:HuggingfaceHub", settings),
        ]
        bench.compare("poll", f"{size // 1000} kB, waiting for one job", "poll", entries, seconds=2.0)
