"""The child process: creates a contender and measures the rounds that the parent requests.

A contender is a class with `async def start()`, `async def prepare()` (before each round, not measured), `async def
round(seconds, meter)` and `async def stop()`. The round returns a count of `units` and any other figures. Only the
work inside `with meter:` is measured.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import json
import pstats
import resource
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import allow_many_files, pin

__all__ = ["Contender", "Meter"]


class Meter:
    """Measures CPU time (user and system, all threads) and wall time while it is entered."""

    def __init__(self, profile: cProfile.Profile | None = None) -> None:
        self.cpu = self.wall = 0.0
        self._profile = profile

    def __enter__(self) -> Self:
        gc.collect()
        if self._profile is not None:
            self._profile.enable()
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._cpu
        self.wall += time.perf_counter() - self._wall
        if self._profile is not None:
            self._profile.disable()


class Contender:
    """Default steps for contenders that need only some of them."""

    async def start(self) -> None:
        """Get ready."""

    async def prepare(self) -> None:
        """Get ready for a round."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Work for about this many seconds."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Clear up."""


def peak() -> float:
    """Return the most memory this process has held, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


async def _obey(contender: Contender) -> None:
    await contender.start()
    idle = peak()
    _say(peak=idle)
    for line in sys.stdin:  # blocks the loop on purpose: nothing happens between rounds
        order = json.loads(line)
        profile = cProfile.Profile() if order.get("profile") else None
        await contender.prepare()
        meter = Meter(profile)
        found = await contender.round(order["seconds"], meter)
        if profile is not None:
            _keep(profile, Path(order["profile"]))
        _say(cpu=meter.cpu, wall=meter.wall, peak=peak(), idle=idle, **found)
    await contender.stop()


def _keep(profile: cProfile.Profile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile.dump_stats(path)
    with path.with_suffix(".txt").open("w", encoding="utf-8") as file:
        stats = pstats.Stats(str(path), stream=file)
        stats.sort_stats("tottime").print_stats(45)
        stats.sort_stats("cumtime").print_stats(60)


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main(core: int, kind: str, settings: dict[str, Any]) -> None:
    """Create a contender and follow commands until standard input is closed."""
    pin(core)
    allow_many_files()
    module, _, name = kind.partition(":")
    asyncio.run(_obey(getattr(import_module(module), name)(**settings)))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
