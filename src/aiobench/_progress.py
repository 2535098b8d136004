"""Progress bars: one line that moves, in a terminal or a notebook; nothing where nobody looks.

tqdm because it is one small package that writes plain text, which every terminal and notebook shows; it is imported
when the first bar is asked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

    from aiobench.snapshot import JobSnapshot

__all__ = ["is_notebook", "of_download", "of_job"]


def is_notebook() -> bool:
    """Tell whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _is_seen() -> bool:
    """Tell whether somebody looks: a terminal, or a notebook."""
    stderr: TextIO | None = sys.stderr  # None under pythonw and the like
    return stderr is not None and not stderr.closed and (stderr.isatty() or is_notebook())


def _bar(**options: Any) -> tqdm[Any]:
    """Make a bar; when it is closed, its last state stays behind as a line."""
    from tqdm import tqdm

    quiet = type("tqdm", (tqdm,), {"monitor_interval": 0})  # else it starts a thread that never ends
    if sys.stderr.isatty():
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
        options |= {"ncols": columns or 80, "nrows": lines or 24}  # 0: the terminal does not know; tqdm would hide
    bar: tqdm[Any] = quiet(file=sys.stderr, **options)
    return bar


@contextmanager
def of_job(
    job_id: str, progress: bool | Callable[[JobSnapshot], object]
) -> Generator[Callable[[JobSnapshot], object], None, None]:
    """Yield what shows a snapshot: the user's function, a bar, or nothing."""
    if callable(progress):
        yield progress
        return
    if not progress or not _is_seen():
        yield lambda _: None
        return
    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
    with _bar(total=100.0, desc=f"job {job_id}", bar_format=layout) as bar:

        def show(snapshot: JobSnapshot) -> None:
            done = 100.0 if snapshot.succeeded else snapshot.progress.completed_percentage
            bar.n = min(max(done or 0.0, 0.0), 100.0)
            bar.set_postfix_str(snapshot.status)  # draws, too

        yield show


@contextmanager
def of_download(
    job_id: str, progress: bool | Callable[[int, int | None], object]
) -> Generator[Callable[[int, int | None], object] | None, None, None]:
    """Yield what shows the bytes done and the total: the user's function, a bar, or None."""
    if callable(progress):
        yield progress
        return
    if not progress or not _is_seen():
        yield None
        return
    with _bar(desc=f"results of job {job_id}", unit="B", unit_scale=True) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.n = done
            bar.refresh()

        yield show
