"""A job as it runs: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from aiobench.cli.tables import figure, fitted, model_name, plain_table, status_text, words
from aiobench.cli.terminal import has_live_display, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiobench import JobSnapshot

__all__ = ["watching"]

BAR_WIDTH = 40


@contextmanager
def watching(console: Console) -> Iterator[Callable[[JobSnapshot], None]]:
    """Show a job while it runs.

    Args:
        console: Where to.

    Yields:
        A function to call with each snapshot. The last one stays on the screen.
    """
    if not has_live_display(console):
        yield _Lines(console)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda snapshot: live.update(_display(console, snapshot), refresh=True)


class _Lines:
    """Says what changed, a line each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, str] = {}

    def __call__(self, snapshot: JobSnapshot) -> None:
        percent = f"{snapshot.progress.completed_percentage or 0:3.0f}%"
        for iteration in snapshot.iterations:
            self._say(percent, model_name(iteration), iteration.status or "unknown")
        self._say(percent, "job", snapshot.status)

    def _say(self, percent: str, what: str, status: str) -> None:
        if status != self._said.get(what, "queued"):
            say(self._console, f"{percent}  {what}: {words(status)}")
        self._said[what] = status


def _display(console: Console, snapshot: JobSnapshot) -> Group:
    percent = snapshot.progress.completed_percentage or 0.0
    heading = Table.grid(padding=(0, 2))
    heading.add_row(
        status_text(snapshot.status),
        ProgressBar(total=100, completed=percent, width=BAR_WIDTH, complete_style="cyan", finished_style="green"),
        f"{percent:.0f}%",
        f"{snapshot.progress.used_credits or 0:.2f} credits",
    )
    table = plain_table("Model", "Status", "Failed", "Seconds", "Credits")
    for iteration in snapshot.iterations:
        table.add_row(
            model_name(iteration),
            status_text(iteration.status or "unknown"),
            figure(iteration.failed_segments, ".0f"),
            figure(iteration.runtime, ".1f"),
            figure(iteration.credits, ".2f"),
        )
    return Group(heading, fitted(console, table))
