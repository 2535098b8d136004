"""Many jobs as they run: a live table on a terminal, a line for each change elsewhere, or lines of JSON."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from attrs import frozen
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from aiobench import Abandoned, Finished, PollFailed, Progressed, Stalled, StatusChanged
from aiobench.cli.exits import error_fields, printable, sentence
from aiobench.cli.output import job_fields, print_json_line
from aiobench.cli.tables import figure, fitted, models_done, plain_table, status_text, words
from aiobench.cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType
    from rich.table import Table

    from aiobench import JobSnapshot, JobState, MonitorEvent

NOT_POLLED = "not polled yet"
__all__ = ["JSONLines", "Lines", "LiveTable", "event_fields"]


def event_fields(event: MonitorEvent) -> dict[str, Any]:  # noqa: PLR0911 - one shape for each event
    """Return an event as `--json` shows it."""
    match event:
        case Finished(job=job, snapshot=snapshot):
            return {"event": "finished", "id": job.id, "job": job_fields(snapshot)}
        case Abandoned(job=job, error=error):
            return {"event": "abandoned", "id": job.id, "error": error_fields(error)}
        case StatusChanged(job=job, previous=previous, status=status):
            return {"event": "status_changed", "id": job.id, "previous": previous, "status": status}
        case Progressed(job=job, progress=progress):
            return {"event": "progressed", "id": job.id, "completed_percentage": progress.completed_percentage}
        case Stalled(job=job, seconds=seconds):
            return {"event": "stalled", "id": job.id, "seconds": seconds}
        case PollFailed(jobs=jobs, error=error):
            return {"event": "poll_failed", "ids": [job.id for job in jobs], "error": error_fields(error)}
        case _:  # StartInterrupted comes only to those who start jobs through a monitor
            return {"event": type(event).__name__}


class JSONLines:
    """Prints each event as a line of JSON."""

    interval: float = float("inf")

    def event(self, event: MonitorEvent) -> None:
        print_json_line(event_fields(event))

    def tick(self, watched: Mapping[str, JobState]) -> None: ...


class Lines:
    """Says what changed, one line each."""

    interval: float = float("inf")

    def __init__(self, console: Console) -> None:
        self._console = console

    def event(self, event: MonitorEvent) -> None:
        line = _line(event)
        if line is not None:
            say(self._console, f"{time.strftime('%H:%M:%S')}  {line}")

    def tick(self, watched: Mapping[str, JobState]) -> None: ...


class LiveTable:
    """Draws a summary and the jobs that fit; the others are counted."""

    def __init__(self, console: Console, live: Live, total: int) -> None:
        self.interval: float = 0.5 if total <= 1_000 else 2.0
        self._console = console
        self._live = live
        self._began = time.monotonic()
        self._ended: dict[str, _Row] = {}
        self._failed: deque[tuple[str, str]] = deque(maxlen=5)
        self._news: deque[str] = deque(maxlen=5)
        self._credits = 0.0
        self._problem = ""

    def event(self, event: MonitorEvent) -> None:
        self._problem = ""
        match event:
            case Finished(job=job, snapshot=snapshot):
                self._ended[job.id] = _row_of_snapshot(snapshot)
                self._credits += snapshot.progress.used_credits or 0.0
                if not snapshot.succeeded:
                    self._failed.append((job.id, words(snapshot.status)))
            case Abandoned(job=job, error=error):
                self._ended[job.id] = _Row("abandoned")
                self._failed.append((job.id, sentence(error)))
            case PollFailed(error=error):
                self._problem = sentence(error)
                return
            case _:
                pass
        if (line := _line(event)) is not None:
            self._news.append(f"{time.strftime('%H:%M:%S')}  {line}")

    def tick(self, watched: Mapping[str, JobState]) -> None:
        self._live.update(self._drawing(watched), refresh=True)

    def _drawing(self, watched: Mapping[str, JobState]) -> Group:
        total = len(self._ended) + len(watched)
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        heading = f"{len(self._ended):,} of {total:,} ended   {minutes // 60}:{minutes % 60:02}:{seconds:02}"
        if self._credits:
            heading += f"   {self._credits:,.2f} credits"
        lines: list[Text] = []
        if self._problem:
            lines.append(Text(f"Polls fail: {self._problem}", style="bold"))
        room = self._console.height - 2  # the heading, and the line of the cursor
        table = self._jobs_if_they_fit(watched, room - len(lines))
        if table is None:
            statuses = [row.status for row in self._ended.values()] + [state.status for state in watched.values()]
            table = fitted(self._console, _summary(by_status := Counter(statuses)))
            if self._failed:
                lines += [Text("Not succeeded", style="bold"), *(_pair(*each) for each in self._failed)]
            if self._news:
                lines += [Text("Latest", style="bold"), *map(Text, self._news)]
            lines = lines[: max(0, room - len(by_status) - 2)]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(Text(heading, style="bold"), table, *lines)

    def _jobs_if_they_fit(self, watched: Mapping[str, JobState], room: int) -> RenderableType | None:
        if len(self._ended) + len(watched) > room:
            return None
        rows = self._ended | {job_id: _row_of_state(state) for job_id, state in watched.items()}
        table = fitted(self._console, _jobs(dict(sorted(rows.items()))))
        return table if len(self._console.render_lines(table)) <= room else None


@frozen
class _Row:
    status: str
    done: str = ""
    models: str = ""
    credits: str = ""


def _row_of_snapshot(snapshot: JobSnapshot) -> _Row:
    spent = figure(snapshot.progress.used_credits, ".2f")
    return _Row(snapshot.status, "100%" if snapshot.succeeded else "", models_done(snapshot), spent)


def _row_of_state(state: JobState) -> _Row:
    progress = state.progress
    if progress is None:
        return _Row(state.status)
    done, counts = progress.completed_percentage, (progress.completed_iterations, progress.remaining_iterations)
    models = "" if None in counts else f"{counts[0]}/{sum(filter(None, (*counts, progress.failed_iterations)))}"
    spent = figure(progress.used_credits, ".2f")
    return _Row(state.status, "" if done is None else f"{done:.0f}%", models, spent)


def _jobs(rows: Mapping[str, _Row]) -> Table:
    table = plain_table("Job", "Status", "Done", "Models", "Credits")
    for job_id, row in rows.items():
        table.add_row(printable(job_id), status_text(row.status or NOT_POLLED), row.done, row.models, row.credits)
    return table


def _summary(by_status: Counter[str]) -> Table:
    table = plain_table("Status", "Jobs")
    for status, count in by_status.most_common():
        table.add_row(status_text(status or NOT_POLLED), f"{count:,}")
    return table


def _pair(job_id: str, text: str) -> Text:
    return Text.assemble(printable(job_id), "  ", (text, "red"))


def _line(event: MonitorEvent) -> str | None:
    match event:
        case Finished(job=job, snapshot=snapshot):
            failed = len(snapshot.failed_iterations)
            return f"{printable(job.id)}  {words(snapshot.status)}" + (f", {failed} models failed" if failed else "")
        case Abandoned(job=job, error=error):
            return f"{printable(job.id)}  abandoned: {sentence(error)}"
        case StatusChanged(job=job, status=status):
            return f"{printable(job.id)}  {words(status)}"
        case Progressed(job=job, progress=progress):
            done = progress.completed_percentage
            return None if done is None else f"{printable(job.id)}  {done:.0f}%"
        case _:
            return None
