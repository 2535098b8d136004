"""The figures to reach, held against what was measured: `python -m benchmarks.targets`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from benchmarks.documents import ITEMS
from benchmarks.results import read

__all__ = ["Verdict", "verdicts"]

INCUMBENT = "aixplain 0.2.48, 32 threads"
IN_FLIGHT = (1, 8, 32, 100, 300)
Figure = dict[str, Any]


@frozen
class Verdict:
    """One line of the table of targets."""

    what: str
    found: float
    target: float

    @property
    def is_reached(self) -> bool:
        """Whether the figure is as good as it should be."""
        return self.found <= self.target

    def __str__(self) -> str:
        word = "reached" if self.is_reached else "MISSED"
        return f"{self.what:<66} {self.found:>9,.4g} {self.target:>9,.4g}  {word}"


def verdicts() -> Iterator[Verdict]:
    """Judge what was measured the last time; what was not is passed over."""
    figures = _Lookup(read())
    for check in (_polls, _monitors, _downloads, _frames, _documents, _imports, _sync, _local, _evaluating):
        try:
            yield from check(figures)
        except LookupError:
            continue


@frozen
class _Lookup:
    figures: list[Figure]

    def __call__(self, case: str, name: str) -> Figure:
        found = [each for each in self.figures if (each["case"], each["name"]) == (case, name)]
        return found[0]


def _polls(of: _Lookup) -> Iterator[Verdict]:
    for size, ours, aiohttps in (("1 kB", 0.45, 0.33), ("20 kB", 0.35, 0.25)):
        # side by side where the incumbent ran in the same case, which it did in the first, a middle and the last one
        for name, target in (("aiobench", ours), ("aiobench, aiohttp", aiohttps)):
            ratios = [
                of(case, name)["cpu"] / of(case, INCUMBENT)["cpu"]
                for case in (f"{size}, {in_flight} in flight" for in_flight in (1, 32, 300))
            ]
            yield Verdict(f"poll {size}: {name} over the incumbent, worst of 1, 32, 300", max(ratios), target)
    alone, *others = (of("1 kB, side by side", f"{in_flight} in flight")["cpu"] for in_flight in IN_FLIGHT)
    yield Verdict("poll 1 kB: CPU at 8 to 300 in flight over that at 1", max(others) / alone, 1.25)


def _monitors(of: _Lookup) -> Iterator[Verdict]:
    steady, ends = of("10,000 jobs, steady", "aiobench"), of("10,000 jobs end within 60 s", "aiobench")
    ratio = steady["cpu"] / of("10,000 jobs, steady", INCUMBENT)["cpu"]
    yield Verdict("monitor 10,000: CPU a job-poll over the incumbent's poll", ratio, 0.004)
    ratio = (
        of("10,000 jobs, steady", "aiobench, each list differs")["cpu"] / of("10,000 jobs, steady", INCUMBENT)["cpu"]
    )
    yield Verdict("monitor 10,000: the same where each list differs from the one before", ratio, 0.009)
    yield Verdict("monitor 10,000: requests a round", steady["more"]["requests_a_round"], 110)
    lag = ends["more"]["lag_p99_ms"]  # the interval of 2 s is drawn up to a tenth longer, by the policy
    yield Verdict("monitor 10,000: p99 from completion to event, interval 2 to 2.2 s; ms", lag, 2450)
    yield Verdict("monitor 10,000: results lost or reported twice", ends["more"]["lost"] + ends["more"]["twice"], 0)
    yield Verdict("memory a watched job; bytes", of("10,000 jobs, memory", "aiobench")["more"]["bytes_a_job"], 500)
    held = max(steady["more"]["held_cpu_ms"], ends["more"]["held_cpu_ms"])
    yield Verdict("loop held by a step of a 10,000-job round; ms of CPU", held, 10)
    entering = of("10,000 jobs, entering", "aiobench")["more"]["held_cpu_ms"]
    yield Verdict("loop held by handing over 10,000 jobs; ms of CPU", entering, 10)
    tagged = of("10,000 jobs, steady", "aiobench, ETags")["more"]
    size = tagged["bytes_a_round"] / tagged["requests_a_round"]
    yield Verdict("monitor 10,000: bytes of a list reply where the server knows ETags", size, 500)
    crowd = of("100,000 jobs end within 150 s", "aiobench")["more"]
    yield Verdict("monitor 100,000: results lost or reported twice", crowd["lost"] + crowd["twice"], 0)
    yield Verdict("monitor 100,000: loop held by a step; ms of CPU", crowd["held_cpu_ms"], 10)
    million = of("1,000,000 jobs, simulated", "aiobench")["more"]
    yield Verdict("monitor 1,000,000, simulated: share of a core", million["cpu_share"], 1)
    yield Verdict("monitor 1,000,000, simulated: MB", million["rss_mb"], 1000)
    yield Verdict("monitor 1,000,000, simulated: results lost or reported twice", million["lost"] + million["twice"], 0)


def _downloads(of: _Lookup) -> Iterator[Verdict]:
    ours, theirs = of("500 MB", "aiobench"), of("500 MB", "httpx, streaming")
    yield Verdict("500 MB to disk: MB above the idle process", ours["above_idle"], 45)
    yield Verdict("500 MB to disk: CPU over that of httpx streaming", ours["cpu"] / theirs["cpu"], 1.0)


def _frames(of: _Lookup) -> Iterator[Verdict]:
    ours, theirs = of("200,000 rows", "aiobench"), of("200,000 rows", "httpx, pandas on the loop")
    yield Verdict("200,000 rows: CPU over that of httpx and pandas.read_csv", ours["cpu"] / theirs["cpu"], 1.1)
    late = ours["more"]["late_by_own_cpu_ms"]
    yield Verdict("loop late while 200,000 rows are read; ms of own CPU", late, 10)


def _documents(of: _Lookup) -> Iterator[Verdict]:
    late = max(of(shape, "aiobench")["more"]["late_without_collector_ms"] for shape in ITEMS)
    yield Verdict("loop late while 8 MiB are decoded, without the collector; ms of own CPU", late, 10)


def _imports(of: _Lookup) -> Iterator[Verdict]:
    ratio = of("import", "aiobench")["cpu"] / of("import", "httpx, anyio, attrs, msgspec")["cpu"]
    yield Verdict("import aiobench over httpx, anyio, attrs, msgspec", ratio, 1.2)


def _sync(of: _Lookup) -> Iterator[Verdict]:
    case = "1 kB, 1 in flight, sync"
    for kind in ("cpu", "wall"):
        more = of(case, "aiobench.sync")[kind] - of(case, "aiobench")[kind]
        yield Verdict(f"sync call over async call; µs, {kind}", more, 120)
    yield Verdict("sync call of nothing; µs, wall", of("nothing, sync", "aiobench.sync")["wall"], 120)


def _local(of: _Lookup) -> Iterator[Verdict]:
    yield Verdict(
        "embedded backend: µs of CPU a status request", of("status, 8 in flight", "local backend")["cpu"], 500
    )


def _evaluating(of: _Lookup) -> Iterator[Verdict]:
    case = "100,000 segments, both cores"
    ratio = of(case, "a job, executor=2")["wall"] / of(case, "sacrebleu and jiwer, Pool(2)")["wall"]
    yield Verdict("100,000 segments, 3 metrics: time of a job over the libraries'", ratio, 1 / 0.9)


if __name__ == "__main__":
    print(*verdicts(), sep="\n")
