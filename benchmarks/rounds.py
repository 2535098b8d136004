"""Rounds in turn, and their medians and spread."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from benchmarks.processes import Child, Server, child

__all__ = ["Bench", "Entry", "Figure"]


@frozen
class Entry:
    """A contender as a benchmark enters it.

    Attributes:
        name: Its name in the table.
        kind: Its class, as `module:Class`.
        settings: Arguments of that class.
        environment: Environment variables of its process.
    """

    name: str
    kind: str
    settings: dict[str, Any] = field(factory=dict[str, Any])
    environment: dict[str, str] = field(factory=dict[str, str])


@frozen
class Figure:
    """The figures of one contender in one case.

    Attributes:
        benchmark: The benchmark.
        case: A description of the work.
        name: The contender.
        unit: What `cpu` and `wall` are per.
        cpu: Microseconds of CPU per unit, user and system: the median of the rounds.
        cpu_low, cpu_high: The minimum and maximum of the rounds.
        wall: Microseconds per unit by the clock: the median.
        peak: The peak memory of its process, in MB.
        above_idle: The part of that above the idle process, in MB.
        units: Units in all rounds.
        more: Other figures: the median of each. For `late…` and `held…`, which other processes can only make
            worse, the minimum.
    """

    benchmark: str
    case: str
    name: str
    unit: str
    cpu: float
    cpu_low: float
    cpu_high: float
    wall: float
    peak: float
    above_idle: float
    units: int
    more: dict[str, float] = field(factory=dict[str, float])


@frozen
class Bench:
    """The settings of a run, and its figures so far.

    Attributes:
        server: The load server.
        rounds: Rounds per contender.
        seconds: Length of a round.
        profiles: A folder for profiles of one more round, or None.
        incumbents: `{version: folder}` of older releases of the incumbent SDK, each installed separately.
        figures: The figures measured so far.
    """

    server: Server
    rounds: int
    seconds: float
    profiles: Path | None
    incumbents: dict[str, str]
    figures: list[Figure] = field(factory=list[Figure])

    def compare(
        self,
        benchmark: str,
        case: str,
        unit: str,
        entries: list[Entry],
        *,
        rounds: int = 0,
        seconds: float = 0.0,
        warm_up: bool = True,
    ) -> list[Figure]:
        """Run rounds of the contenders in turn; record and return the figures.

        Args:
            benchmark: The benchmark.
            case: A description of the work.
            unit: What the figures are per.
            entries: The contenders.
            rounds: Rounds per contender; 0 for the default of the run.
            seconds: Length of a round; 0 for the default of the run.
            warm_up: Whether each contender first takes a round that is not counted.
        """
        with ExitStack() as stack:
            children = [
                stack.enter_context(child(entry.name, entry.kind, entry.settings, entry.environment))
                for entry in entries
            ]
            for each in children:
                each.answer()
            length = seconds or self.seconds
            for each in children if warm_up else ():
                each.ask(seconds=min(length, 0.2))
            taken: dict[str, list[dict[str, Any]]] = {each.name: [] for each in children}
            for _ in range(rounds or self.rounds):
                for each in children:
                    taken[each.name].append(each.ask(seconds=length))
            if self.profiles is not None:
                self._profile(children, f"{benchmark} {case}", length)
        found = [_figure(benchmark, case, name, unit, results) for name, results in taken.items()]
        for figure in found:
            self.note(figure)
        return found

    def note(self, figure: Figure) -> None:
        """Record a figure and print it."""
        self.figures.append(figure)
        print(line(figure), flush=True)

    def _profile(self, children: list[Child], what: str, seconds: float) -> None:
        assert self.profiles is not None
        for each in children:
            name = "".join(char if char.isalnum() else "-" for char in f"{what} {each.name}")
            each.ask(seconds=seconds, profile=str(self.profiles.resolve() / f"{name}.prof"))


def _figure(benchmark: str, case: str, name: str, unit: str, results: list[dict[str, Any]]) -> Figure:
    cpu = [1e6 * each["cpu"] / max(each["units"], 1) for each in results]
    known = {"cpu", "wall", "peak", "idle", "units"}
    return Figure(
        benchmark=benchmark,
        case=case,
        name=name,
        unit=unit,
        cpu=statistics.median(cpu),
        cpu_low=min(cpu),
        cpu_high=max(cpu),
        wall=statistics.median(1e6 * each["wall"] / max(each["units"], 1) for each in results),
        peak=max(each["peak"] for each in results),
        above_idle=max(each["peak"] - each["idle"] for each in results),
        units=int(sum(each["units"] for each in results)),
        more={key: _typical(key, [each[key] for each in results]) for key in results[0] if key not in known},
    )


def _typical(key: str, values: list[float]) -> float:
    return min(values) if key.startswith(("late", "held")) else statistics.median(values)


HEAD = f"{'case':<38} {'contender':<26} {'CPU µs':>11} {'least':>11} {'most':>11} {'wall µs':>11} {'MB':>5} {'+MB':>5}"


def line(figure: Figure) -> str:
    """Format a figure as a row of the table under `HEAD`."""
    more = "  ".join(f"{name}={value:,.4g}" for name, value in figure.more.items())
    numbers = " ".join(f"{value:>11,.2f}" for value in (figure.cpu, figure.cpu_low, figure.cpu_high, figure.wall))
    return (
        f"{figure.case:<38} {figure.name:<26} {numbers} {figure.peak:>5.0f} {figure.above_idle:>5.0f}  {more}".rstrip()
    )


def as_json(figures: list[Figure]) -> list[dict[str, Any]]:
    """Convert figures to plain values."""
    return [asdict(figure) for figure in figures]
