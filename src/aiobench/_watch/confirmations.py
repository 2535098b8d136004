"""The jobs that are said to have ended: the document of each has the last word, and a place in the mailbox."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiobench._watch.mailbox import Mailbox
    from aiobench._watch.roster import Watched

__all__ = ["Confirmations"]


class Confirmations:
    """A queue of jobs whose documents are to be asked for; no more of them at once than the mailbox can hold."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._waiting: deque[Watched] = deque()
        self._asked: set[Watched] = set()

    def add(self, watched: Watched) -> None:
        """Have the document of a job asked for, unless that is under way or about to be."""
        if not watched.is_asked:
            watched.is_asked = True
            self._waiting.append(watched)

    def pop(self) -> Watched | None:
        """Take the next one out, and keep a place for it in the mailbox until it is `done()`."""
        if not self.is_ready:
            return None
        watched = self._waiting.popleft()
        self._asked.add(watched)
        return watched

    def done(self, watched: Watched) -> None:
        """Give back the place of a job, if it has one."""
        self._asked.discard(watched)

    def may_end(self, watched: Watched) -> bool:
        """Tell whether the mailbox has a place for the document of a job."""
        return watched in self._asked or self._has_room

    @property
    def is_ready(self) -> bool:
        """Whether `pop()` would bring one."""
        return bool(self._waiting) and self._has_room

    @property
    def _has_room(self) -> bool:
        return self._mailbox.room > len(self._asked)
