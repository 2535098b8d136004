"""Draw how cost grows with the number of jobs: `python -m benchmarks.plot` writes `docs/assets/cost.svg`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.results import read

PICTURE = Path("docs/assets/cost.svg")
INCUMBENT = "aixplain 0.2.48, 32 threads"
CASE = re.compile(r"([\d,]+) jobs, steady")


def main() -> None:
    """Draw the plot."""
    steady = [(int(found[1].replace(",", "")), each) for each in read() if (found := CASE.fullmatch(each["case"]))]
    mpl.rcParams |= {"svg.hashsalt": "aiobench", "svg.fonttype": "none", "font.family": "sans-serif"}
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    cpu, memory = figure.subplots(1, 2)
    for name, colour in (("aiobench", "#00796b"), ("aiobench, aiohttp", "#ef6c00")):
        points = sorted((jobs, each) for jobs, each in steady if each["name"] == name)
        _line(cpu, [(jobs, jobs * each["cpu"] / 1e6) for jobs, each in points], name, colour)
        _line(memory, [(jobs, each["above_idle"]) for jobs, each in points], name, colour)
    one = next(each["cpu"] for _, each in steady if each["name"] == INCUMBENT)
    _line(cpu, [(jobs, jobs * one / 1e6) for jobs in (100, 100_000)], "aixplain 0.2.48, job by job", "#757575", "--")
    for axes, title in ((cpu, "CPU seconds to poll every job once"), (memory, "MB above the idle process")):
        axes.set(xscale="log", yscale="log", xlabel="jobs, in benchmarks of 100", title=title)
        axes.grid(visible=True, alpha=0.3)
    cpu.legend(frameon=False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})
    PICTURE.write_text("\n".join(map(str.rstrip, PICTURE.read_text("utf-8").splitlines())) + "\n", encoding="utf-8")


def _line(axes: Any, points: list[tuple[float, float]], label: str, colour: str, style: str = "o-") -> None:
    axes.plot(*zip(*points, strict=True), style, color=colour, label=label, markersize=4)


if __name__ == "__main__":
    main()
