"""What a notebook shows of an object: one card of facts and a table, as HTML and as text that says as much."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from aiobench._errors import InvalidResponseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiobench.benchmark import Benchmark
    from aiobench.documents import Iteration
    from aiobench.events import MonitorStats
    from aiobench.job import BenchmarkJob
    from aiobench.snapshot import JobSnapshot

__all__ = ["Card", "Printer", "figure", "of_benchmark", "of_job", "of_monitor", "of_snapshot"]

UNKNOWN = "\N{EN DASH}"
CELL = "padding: 0.1em 0.8em; text-align: "


class Printer(Protocol):
    """What IPython hands to `_repr_pretty_`."""

    def text(self, text: str, /) -> None: ...


def figure(value: float | None, unit: str | None = None) -> str:
    """Write a figure for people: four digits that count, with its unit."""
    if value is None:
        return UNKNOWN
    number = f"{value:,d}" if isinstance(value, int) else f"{value:#,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"{number} {unit}" if unit else number


@frozen
class Card:
    """What is shown of an object; everything in it is text as it comes from the platform, not yet escaped.

    Attributes:
        title: What it is.
        facts: `(name, value)`; those without a value are left out.
        header: The table's columns; the first holds names, the others figures.
        rows: The table's rows.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def html(self) -> str:
        """Return it as HTML, everything escaped."""
        parts = [f"<div><strong>{escape(self.title)}</strong>"]
        parts += [f"<div>{escape(name)}: {escape(value)}</div>" for name, value in self.facts if value]
        if self.rows:
            body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in self.rows)
            parts.append(f"<table><thead><tr>{_cells('th', self.header)}</tr></thead><tbody>{body}</tbody></table>")
        return "".join(parts) + "</div>"

    def text(self) -> str:
        """Return it as text, in lines."""
        lines = [self.title, *(f"  {name}: {value}" for name, value in self.facts if value)]
        if self.rows:
            table = (self.header, *self.rows)
            widths = [max(len(row[column]) for row in table) for column in range(len(self.header))]
            for row in table:
                first, *others = (
                    cell.rjust(width) if column else cell.ljust(width)
                    for column, (cell, width) in enumerate(zip(row, widths, strict=True))
                )
                lines.append("  " + "  ".join((first, *others)).rstrip())
        return "\n".join(_printable(line) for line in lines)


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(
        f'<{tag} style="{CELL}{"right" if column else "left"}">{escape(text)}</{tag}>'
        for column, text in enumerate(texts)
    )


def _printable(line: str) -> str:
    """Take control characters out: what the platform sends must not steer a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def of_job(job: BenchmarkJob) -> Card:
    """Show what is known of a job without asking."""
    known = tuple((name, str(value)) for name, value in job.additional_info.items())
    return Card(f"Benchmark job {job.id}", (("Status", job.status), ("Benchmark", job.benchmark_id), *known))


def of_snapshot(snapshot: JobSnapshot) -> Card:
    """Show a job at one poll: each model with its scores."""
    progress = snapshot.progress
    done = None if snapshot.is_terminal else progress.completed_percentage
    facts = (
        ("Status", snapshot.status),
        ("Progress", "" if done is None else figure(done, "%")),
        ("Benchmark", snapshot.benchmark_id),
        ("Credits", "" if progress.used_credits is None else figure(progress.used_credits)),
        ("Seen at", f"{snapshot.polled_at:%Y-%m-%d %H:%M:%S %Z}"),
    )
    try:
        iterations = snapshot.iterations
    except InvalidResponseError:  # a display has no place to raise it; whoever reads results will see it
        iterations = ()
    metrics = list(dict.fromkeys(s.long_name for each in iterations for s in each.scores or () if s.long_name))
    rows = tuple(_row(each, metrics) for each in iterations)
    header = ("Model", "Status", *metrics, "Failed segments", "Credits", "Seconds")
    return Card(f"Benchmark job {snapshot.id}", facts, header, rows)


def of_benchmark(benchmark: Benchmark) -> Card:
    """Show what a benchmark runs."""
    facts = (
        ("Id", benchmark.id),
        ("Dataset", ", ".join(benchmark.dataset_ids)),
        ("Models", ", ".join(benchmark.model_ids)),
        ("Metrics", ", ".join(benchmark.metric_ids)),
    )
    return Card(f"Benchmark {benchmark.name!r}", facts)


def of_monitor(stats: MonitorStats) -> Card:
    """Show a monitor in figures."""
    title = f"Monitor of {stats.jobs} jobs: {stats.finished} finished, {stats.pending} pending"
    facts = (
        ("Job states learned", figure(stats.polls)),
        ("Requests", f"{figure(stats.requests)}, of which {figure(stats.list_requests)} for job lists"),
        ("Failed polls", figure(stats.failed_polls)),
    )
    return Card(title, facts)


def _row(iteration: Iteration, metrics: list[str]) -> tuple[str, ...]:
    scores = {score.long_name: figure(score.average, score.unit) for score in iteration.scores or ()}
    failed = figure(iteration.failed_segments)
    if iteration.total_segments is not None:
        failed += f" of {figure(iteration.total_segments)}"
    return (
        iteration.display_name or iteration.model_id or UNKNOWN,
        iteration.status or UNKNOWN,
        *(scores.get(metric, UNKNOWN) for metric in metrics),
        failed,
        figure(iteration.credits),
        figure(iteration.runtime),
    )
