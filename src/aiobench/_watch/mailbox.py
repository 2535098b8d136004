"""Events on their way to a consumer that may be slow: the newest state of each job, and every end."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import anyio

from aiobench.events import Abandoned, Finished, PollFailed, StatusChanged

if TYPE_CHECKING:
    from aiobench.events import MonitorEvent

__all__ = ["Mailbox"]


class Mailbox:
    """A queue in which later news of a job takes the place of earlier.

    Ends are never dropped; `room` says how many more documents may be fetched until the consumer has caught up.
    """

    SIZE = 100  # ends, each of which holds a document

    def __init__(self) -> None:
        self._events: OrderedDict[tuple[type[MonitorEvent], object], MonitorEvent] = OrderedDict()
        self._ends = 0
        self._news = anyio.Event()

    @property
    def room(self) -> int:
        return self.SIZE - self._ends

    def put(self, event: MonitorEvent, subject: object) -> None:
        """Add an event about *subject*, a job or a group of jobs."""
        key = (type(event), subject)
        held = self._events.get(key)
        if isinstance(event, StatusChanged) and isinstance(held, StatusChanged):
            event = StatusChanged(event.job, held.previous, event.status)
            if event.previous == event.status:  # there and back again, unseen
                del self._events[key]
                return
        self._ends += isinstance(event, Finished | Abandoned)
        self._events[key] = event
        self.wake()

    def take(self) -> MonitorEvent | None:
        if not self._events:
            return None
        _, event = self._events.popitem(last=False)
        self._ends -= isinstance(event, Finished | Abandoned)
        return event

    def forget_failure(self, subject: object) -> None:
        """Take back an untold `PollFailed`: the next poll of *subject* went well."""
        self._events.pop((PollFailed, subject), None)

    def wake(self) -> None:
        """Let the consumer have a look."""
        self._news.set()

    async def wait(self) -> None:
        """Wait until something was put in, or `wake()` was called, since the last wait."""
        await self._news.wait()
        self._news = anyio.Event()
