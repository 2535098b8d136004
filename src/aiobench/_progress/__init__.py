"""`progress=True`: one updating line in a terminal or a notebook, and nothing elsewhere.

The text of the line and where it appears belong here; when to update it is up to the caller. Nothing in this package
may fail, delay or hang what it shows; and a program that shows nothing does not import what draws. It uses no
progress-bar library, because the hard part is to keep a broken or blocked screen away from the event loop, which none
of them does. The rest is formatting one line.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from aiobench._wire.coercion import mapping, text
from aiobench.errors import AiobenchError

if TYPE_CHECKING:
    from aiobench.snapshot import JobSnapshot

__all__ = ["of_download", "of_job", "of_jobs"]


@asynccontextmanager
async def of_job(
    job_id: str, progress: bool | Callable[[JobSnapshot], object]
) -> AsyncGenerator[Callable[[JobSnapshot], Awaitable[None]], None]:
    """Yield an async function that shows a snapshot: with the user's function, a line, or not at all."""
    if callable(progress):
        yield partial(_call, progress)
    elif not progress:
        yield _show_nothing
    else:
        label = ""
        async with _drawn() as draw:

            async def show(snapshot: JobSnapshot) -> None:
                nonlocal label
                label = label or _name(snapshot) or f"job {job_id}"
                done = 100.0 if snapshot.succeeded else snapshot.progress.completed_percentage or 0.0
                draw(label, done / 100, snapshot.status)

            yield show


@asynccontextmanager
async def of_download(
    label: Callable[[], str], progress: bool | Callable[[int, int | None], object]
) -> AsyncGenerator[Callable[[int, int | None], Awaitable[None]] | None, None]:
    """Yield an async function that shows bytes done and total, or None if `progress` is off.

    Args:
        label: What is downloaded; called at each step, because a download learns it on the way.
        progress: The user's function, plain or async, or whether to draw a line.
    """
    if callable(progress):
        yield partial(_call, progress)
    elif not progress:
        yield None
    else:
        from aiobench._progress.lines import amount

        async with _drawn() as draw:

            async def show(done: int, total: int | None) -> None:
                if total is None:
                    draw(label(), None, amount(done))
                else:
                    draw(label(), done / total if total else 1.0, f"{amount(done)} of {amount(total)}")

            yield show


@asynccontextmanager
async def of_jobs(label: str, progress: bool, *, done: str = "ended") -> AsyncGenerator[Callable[..., None], None]:
    """Yield `update(ended, total, failed)`, which shows many jobs; call it as often as you like.

    Args:
        label: A name for them, such as `jobs`.
        progress: Whether to draw a line.
        done: The word for those that are done.
    """
    if not progress:
        yield lambda ended, total, failed: None  # noqa: ARG005 - the names are its interface
        return
    async with _drawn() as draw:

        def update(ended: int, total: int, failed: int) -> None:
            share = ended / total if total else 0.0
            draw(label, share, f"{ended:,} of {total:,} {done}, {failed:,} failed")

        yield update


@asynccontextmanager
async def _drawn() -> AsyncGenerator[Callable[[str, float | None, str], None], None]:
    """Yield a function that draws label, share and note; the last state stays as a line."""
    from aiobench._progress.drawing import Drawing
    from aiobench._progress.lines import Line

    began = time.monotonic()
    drawing = Drawing(sys.stderr)
    try:
        yield lambda label, share, note: drawing.put(Line(label, share, note, time.monotonic() - began))
    except Exception:
        await drawing.finish()
        raise
    except BaseException:  # cancelled or discarded: do not wait now
        drawing.end()
        raise
    await drawing.finish()


def _name(snapshot: JobSnapshot) -> str | None:
    try:
        return text(mapping(snapshot.raw.get("benchmark")).get("name"))
    except AiobenchError:  # polling can read documents that are malformed further down
        return None


async def _call(function: Callable[..., object], *news: Any) -> None:
    result = function(*news)
    if inspect.isawaitable(result):
        await result


async def _show_nothing(_: JobSnapshot) -> None: ...
