"""News of jobs, and the queue where they wait for a consumer that may be slow."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias, Union

import anyio

from aiobench._values import Value
from aiobench._watch.jobs import Job

if TYPE_CHECKING:
    from aiobench._journal.journal import Wish
    from aiobench.documents import Progress
    from aiobench.errors import APIError
    from aiobench.snapshot import JobSnapshot

__all__ = ["Changed", "Ended", "Interrupted", "Lost", "Moved", "News", "NewsQueue", "Quiet", "Unanswered"]


class Ended(Value, frozen=True, eq=True):
    """A job has a terminal status."""

    job: Job
    snapshot: JobSnapshot


class Lost(Value, frozen=True, eq=True):
    """A job can no longer be polled."""

    job: Job
    error: APIError


class Changed(Value, frozen=True, eq=True):
    """A job has another status."""

    job: Job
    previous: str
    status: str


class Moved(Value, frozen=True, eq=True):
    """A job's progress has changed."""

    job: Job
    progress: Progress


class Quiet(Value, frozen=True, eq=True):
    """A job has not changed for a long time."""

    job: Job
    seconds: float


class Unanswered(Value, frozen=True, eq=True):
    """A request brought no usable reply."""

    jobs: tuple[Job, ...]
    error: APIError


class Interrupted(Value, frozen=True, eq=True):
    """A start was interrupted, and the job list does not show what came of it."""

    wish: Wish
    candidates: tuple[str, ...]


News: TypeAlias = Union[Ended, Lost, Changed, Moved, Quiet, Unanswered, Interrupted]  # noqa: UP007


class NewsQueue:
    """A queue in which later news of a job replaces earlier news of the same kind.

    Ends are never dropped; `room` says how many more documents may be fetched until the consumer has caught up.
    """

    SIZE = 100  # ends, each of which holds a document

    def __init__(self) -> None:
        self._news: OrderedDict[tuple[type[News], object], News] = OrderedDict()
        self._ends = 0
        self._arrived = anyio.Event()

    @property
    def room(self) -> int:
        return self.SIZE - self._ends

    def put(self, news: News, subject: object) -> None:
        """Add news about *subject*, a job or a group of jobs."""
        key = (type(news), subject)
        held = self._news.get(key)
        if isinstance(news, Changed) and isinstance(held, Changed):
            news = Changed(news.job, held.previous, news.status)
            if news.previous == news.status:  # there and back again, unseen
                del self._news[key]
                return
        self._ends += isinstance(news, Ended | Lost)
        self._news[key] = news
        self.wake()

    def take(self) -> News | None:
        if not self._news:
            return None
        _, news = self._news.popitem(last=False)
        self._ends -= isinstance(news, Ended | Lost)
        return news

    def forget_failure(self, subject: object) -> None:
        """Drop an unread failure, because the next poll of *subject* succeeded."""
        self._news.pop((Unanswered, subject), None)

    def wake(self) -> None:
        """Wake the consumer up."""
        self._arrived.set()

    async def wait(self) -> None:
        """Wait until something is put in or `wake()` is called."""
        await self._arrived.wait()
        self._arrived = anyio.Event()
