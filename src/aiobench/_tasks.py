"""Makes our own event loops run asyncio's own tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

try:
    from _asyncio import Task
except ImportError:  # an interpreter without this module: there is one kind of task only
    from asyncio import Task

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Coroutine, Generator

__all__ = ["keep_own_tasks"]

T = TypeVar("T")


def keep_own_tasks(loop: AbstractEventLoop) -> None:
    """Let *loop* run asyncio's own tasks even if something has put others into their place.

    `nest_asyncio` does that, and from Python 3.14 on nobody can tell that its tasks are running: `current_task()` knows
    none of them, so anyio, httpx and asyncio's own timeouts refuse to work.
    """
    loop.set_task_factory(_task)


def _task(
    loop: AbstractEventLoop, coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T], /, **settings: Any
) -> Task[T]:
    return Task(coroutine, loop=loop, **settings)
