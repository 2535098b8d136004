"""What importing costs: fresh interpreters in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

from benchmarks.rounds import Bench, Figure

CONTENDERS = {
    "nothing": "pass",
    "httpx, anyio, attrs, msgspec": "import anyio, attrs, httpx, msgspec",
    "the same and httpcore": "import anyio, attrs, httpcore, httpx, msgspec",
    "aiobench": "from aiobench import Client",  # a bare `import aiobench` imports no library yet
    "aiobench.sync": "import aiobench.sync",
    "aixplain 0.2.48": "from aixplain.modules.benchmark_job import BenchmarkJob",
}


def run(bench: Bench) -> None:
    """Start interpreters for each in turn, with bytecode even if the environment disables it."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "TEAM_API_KEY": "0123456789"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with TemporaryDirectory(prefix="aiobench-bench-") as bytecode:
        _compare(bench, {**environment, "PYTHONPYCACHEPREFIX": bytecode})


def _compare(bench: Bench, environment: dict[str, str]) -> None:
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CONTENDERS}
    for number in range(2 * bench.rounds + 1):
        for name, code in CONTENDERS.items():
            result = _run(code, environment)
            if number:  # the first writes bytecode
                taken[name].append(result)
    base = statistics.median(cpu for cpu, _, _ in taken["nothing"])
    for name, results in taken.items():
        cpu = [1e6 * each for each, _, _ in results]
        bench.note(
            Figure(
                benchmark="imports",
                case="import",
                name=name,
                unit="process",
                cpu=statistics.median(cpu),
                cpu_low=min(cpu),
                cpu_high=max(cpu),
                wall=statistics.median(1e6 * wall for _, wall, _ in results),
                peak=max(peak for _, _, peak in results),
                above_idle=0.0,
                units=len(results),
                more={"cpu_over_nothing_ms": statistics.median(cpu) / 1e3 - 1e3 * base},
            )
        )


def _run(code: str, environment: dict[str, str]) -> tuple[float, float, float]:
    """Return CPU seconds, wall seconds and MB."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, code
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1e3
