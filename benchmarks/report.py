"""`python -m benchmarks.report`: write the latest figures into the documentation, `docs/assets/figures.md`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import plot, results
from benchmarks.targets import verdicts

PAGE = Path("docs/assets/figures.md")
Figure = dict[str, Any]
Columns = dict[str, str]  # heading: the figure's name

SPREAD: Columns = {"CPU": "cpu", "least": "cpu_low", "most": "cpu_high", "by the clock": "wall"}
MEMORY: Columns = {"MB over idle": "above_idle"}
STEADY: Columns = {
    "CPU": "cpu",
    "requests a round": "requests_a_round",
    "bytes a round": "bytes_a_round",
    **MEMORY,
    "longest step, ms of CPU": "held_cpu_ms",
}
ENDS: Columns = {
    "p50": "lag_p50_ms",
    "p99": "lag_p99_ms",
    "longest": "lag_max_ms",
    "lost": "lost",
    "reported twice": "twice",
    "requests": "requests",
    "longest step, ms of CPU": "held_cpu_ms",
    "garbage collector, ms": "held_by_collector_ms",
}


MILLION: Columns = {
    "CPU": "cpu",
    "share of a core": "cpu_share",
    "µs per request": "us_a_request",
    "MB": "rss_mb",
    "lost": "lost",
    "reported twice": "twice",
}


def main() -> None:
    """Write the tables and draw the picture."""
    runs = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(results.FOLDER.glob("*.json"))}
    figures: dict[str, list[Figure]] = {name: run["figures"] for name, run in runs.items()}
    steady = [each for each in figures["monitor"] if each["case"].endswith("steady")]
    ends = [each for each in figures["monitor"] if "end within" in each["case"]]
    memory = [each for each in figures["monitor"] if each["case"].endswith("memory")]
    million = [each for each in figures["monitor"] if each["case"].endswith("simulated")]
    sections = {
        "Targets": targets(),
        "A poll: µs of CPU": pivot(each for each in figures["poll"] if "waiting" not in each["case"]),
        "A poll, layer by layer: µs": rows(figures["layers"], SPREAD),
        "Waiting for one job, polled every 10 ms: µs per poll": rows(
            (each for each in figures["poll"] if "waiting" in each["case"]), SPREAD | {"bytes a poll": "bytes_a_poll"}
        ),
        "Many jobs: µs of CPU per job and poll": rows(steady, STEADY),
        "Delay: ms from completion to event, polled every 2 to 2.2 s (100,000 jobs: 5 to 5.5 s)": rows(ends, ENDS),
        "Memory of a watched job: bytes": rows(memory, {"bytes": "bytes_a_job"}),
        "A million jobs, simulated: µs of CPU per job and poll": rows(million, MILLION),
        "Downloads: µs per MB": rows(figures["downloads"], SPREAD | MEMORY),
        "200,000 rows into a frame: µs": rows(
            figures["frames"], SPREAD | MEMORY | {"loop late, ms of own CPU": "late_by_own_cpu_ms"}
        ),
        "A document of 8 MiB, or of 64 MiB in memory: µs per MiB": rows(
            figures["documents"],
            {"CPU": "cpu"}
            | MEMORY
            | {
                "loop late, ms of own CPU": "late_by_own_cpu_ms",
                "without Python's garbage collector": "late_without_collector_ms",
            },
        ),
        "Import: µs": rows(figures["imports"], SPREAD | {"MB": "peak"}),
        "Blocking calls: µs": rows(figures["sync"], SPREAD),
        "The embedded backend: µs per request": rows(figures["local"], SPREAD),
        "Scoring your own data: µs per segment": rows(figures["evaluating"], SPREAD),
    }
    text = [measured_on(runs["poll"]["machine"]), *(f"### {title}\n\n{body}" for title, body in sections.items())]
    PAGE.write_text("\n\n".join(text) + "\n", encoding="utf-8")
    plot.main()


def measured_on(machine: dict[str, str]) -> str:
    """Return where the figures come from."""
    known = {"processor", "cores", "system", "python", "load"}
    versions = ", ".join(f"{name} {version}" for name, version in machine.items() if name not in known)
    return f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {machine['python']}; {versions}."


def targets() -> str:
    """Compare the figures with the targets."""
    words = {True: "reached", False: "**missed**"}
    found = ([each.what, number(each.found), number(each.target), words[each.is_reached]] for each in verdicts())
    return table(["", "found", "at most", ""], found)


def rows(figures: Iterable[Figure], columns: Columns) -> str:
    """Format a table with a row per case and contender."""
    lines = []
    for figure in figures:
        known = figure | figure["more"]
        lines.append([figure["case"], figure["name"], *(number(known.get(name)) for name in columns.values())])
    return table(["case", "", *columns], lines)


def pivot(figures: Iterable[Figure]) -> str:
    """Format a table of CPU with a row per case and a column per contender."""
    cases: dict[str, dict[str, float]] = {}
    for figure in figures:
        if not figure["case"].endswith("side by side"):  # those measure one contender in many cases
            cases.setdefault(figure["case"], {})[figure["name"]] = figure["cpu"]
    names = dict.fromkeys(name for cells in cases.values() for name in cells)
    return table(
        ["case", *names], ([case, *(number(cells.get(name)) for name in names)] for case, cells in cases.items())
    )


def number(value: float | None) -> str:
    """Format a figure with three significant digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head: list[str], lines: Iterable[list[str]]) -> str:
    """Format a Markdown table, figures right-aligned."""
    rule = ["---" if name in {"", "case"} else "---:" for name in head]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


if __name__ == "__main__":
    main()
