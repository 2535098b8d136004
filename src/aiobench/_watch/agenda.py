"""What to request next: a benchmark's job list if that is cheaper, else single jobs, and documents of ended jobs."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from aiobench._watch.jobs import Group, WatchedJob
from aiobench._watch.timing import DueQueue, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiobench._http.exchange import ApiRequest
    from aiobench._watch.news import NewsQueue
    from aiobench._watch.timing import Waits
    from aiobench._wire.heads import ListEntry

__all__ = ["Agenda"]


class Agenda:
    """A monitor's groups and their members, and whose turn it is.

    A job that is said to have ended waits in a queue of its own until its document can be fetched: no more documents
    at once than the consumer's queue has room for.

    Args:
        waits: The policy's arithmetic.
        news: The consumer's queue.
        list_request: Makes the request for a benchmark's job list.
        now: The monotonic clock.
    """

    def __init__(
        self,
        waits: Waits,
        news: NewsQueue,
        *,
        list_request: Callable[[str], ApiRequest],
        now: Callable[[], float],
    ) -> None:
        self._waits = waits
        self._news = news
        self._list_request = list_request
        self._now = now
        self._queue = DueQueue(partial(_wait_of, waits), waits.spread)  # which must not hold the agenda
        self._groups: dict[str, Group] = {}
        self._document_bytes = 4_000.0  # what a document weighs, as a moving average
        self._ends: deque[WatchedJob] = deque()  # jobs that are said to have ended
        self._end_requests: set[WatchedJob] = set()  # those of them whose document is on its way
        self._is_ends_turn = False

    # -- turns -------------------------------------------------------------------------------------------------

    def next(self) -> Unit | None:
        """Take out the next unit to request, if one is due; `answered()` and `done()` return it."""
        self._is_ends_turn = not self._is_ends_turn  # in turn, so that neither ends nor states wait for the other
        sources = [self._next_due, self._next_end]
        for source in reversed(sources) if self._is_ends_turn else sources:
            if (unit := source()) is not None:
                return unit
        return None

    def answered(self, unit: Unit) -> None:
        """Record that a unit's request is over. The caller then decides where it goes next."""
        unit.is_asked = False

    def done(self, unit: Unit) -> None:
        """Record that a turn is over, whatever its result."""
        if isinstance(unit, WatchedJob):
            self._end_requests.discard(unit)

    @property
    def next_due(self) -> float:
        """When `next()` will return a unit, unless something happens before; infinity for never."""
        return float("-inf") if self._ends and self._has_room else self._queue.next_due

    def note_disturbance(self) -> None:
        """Record that polls are held up: for the longest wait from now, late ones are spread out."""
        self._queue.hold_up(self._now() + self._waits.drawn(self._waits.longest))

    def note_document(self, size: int) -> None:
        """Remember the size of a document."""
        self._document_bytes += 0.1 * (size - self._document_bytes)

    def _next_due(self) -> Unit | None:
        unit = self._queue.pop(self._now())
        if unit is not None:
            unit.is_asked = True
        return unit

    def _next_end(self) -> WatchedJob | None:
        if not self._ends or not self._has_room:
            return None
        watched = self._ends.popleft()
        self._end_requests.add(watched)
        return watched

    # -- ends --------------------------------------------------------------------------------------------------

    def confirm(self, watched: WatchedJob) -> None:
        """Schedule the document of a job that seems to have ended, unless it is already requested."""
        if not watched.is_asked:
            watched.is_asked = True
            self._ends.append(watched)

    def may_end(self, watched: WatchedJob) -> bool:
        """Return whether there is room for the document of a job that has ended."""
        return watched in self._end_requests or self._has_room

    @property
    def _has_room(self) -> bool:
        return self._news.room > len(self._end_requests)

    # -- single jobs -------------------------------------------------------------------------------------------

    def admit(self, newcomers: Iterable[WatchedJob]) -> None:
        """Give jobs their first turn: now."""
        now = self._now()
        by_benchmark: dict[str, list[WatchedJob]] = {}
        for watched in newcomers:
            by_benchmark.setdefault(watched.job.benchmark_id, []).append(watched)
        for benchmark_id, members in by_benchmark.items():
            for watched in members:
                if benchmark_id and (len(members) > 1 or benchmark_id not in self._groups):
                    self._join(watched, benchmark_id, due=now)
                else:  # the document names the benchmark; and one newcomer alone is not worth a list
                    self.ask_alone(watched)

    def ask_alone(self, watched: WatchedJob) -> None:
        """Ask for one job's document now, unless that is under way."""
        if not watched.is_asked:
            watched.is_asked = True
            self._queue.put(watched, self._now())

    def ask_again(self, watched: WatchedJob, *, hint: float | None = None, may_join: bool = True) -> None:
        """Give a job whose document was asked for its next turn; *hint* is the wait that the server asked for."""
        due = self._waits.due(self._now(), self._waits.after(watched.quiet), hint)
        if watched.group is not None:
            watched.group.note_single()
            if watched.is_plain:
                watched.group.forget_list()
        if may_join and watched.job.benchmark_id:
            self._join(watched, watched.job.benchmark_id, due=due)
        else:
            self._arrange(watched, due)

    def leave(self, watched: WatchedJob) -> None:
        """Take a job out of its group and out of the queue."""
        self._queue.remove(watched)
        group = watched.group
        watched.move(None)
        if group is not None:
            group.members.pop(watched.job.id, None)
            group.forget_list()
            if not group.members:
                self._queue.remove(group)
                self._groups.pop(group.benchmark_id, None)

    def adopt(self, group: Group, watched: WatchedJob, entry: ListEntry) -> bool:
        """Take in a newcomer that a list shows to be one of its group; return whether it is."""
        if watched.group is not None or (entry.benchmark_id and entry.benchmark_id != group.benchmark_id):
            return False
        if not watched.ticket:  # it is being asked for: its document decides
            return False
        self._queue.remove(watched)
        watched.is_asked = False
        watched.job.benchmark_id = group.benchmark_id
        self._enter(watched, group)
        return True

    def _join(self, watched: WatchedJob, benchmark_id: str, *, due: float) -> None:
        """Make a job a member of its benchmark's group, and see that it is polled at *due* or before."""
        group = self._groups.get(benchmark_id)
        if group is None:
            group = self._groups[benchmark_id] = Group(benchmark_id, self._list_request(benchmark_id))
        if watched.group is not group:
            self.leave(watched)
            self._enter(watched, group)
            group.forget_list()
        self._arrange(watched, due)

    @staticmethod
    def _enter(watched: WatchedJob, group: Group) -> None:
        watched.move(group)
        watched.is_plain = False
        if watched.job.benchmark_id == group.benchmark_id:
            watched.job.benchmark_id = group.benchmark_id  # one text for all of them
        group.members[watched.job.id] = watched

    def _arrange(self, watched: WatchedJob, due: float) -> None:
        """Give a job its next turn: with its group's list, or on its own."""
        group = watched.group
        if group is None:
            self._queue.put(watched, due)
        elif group.is_asked:  # its next round is arranged when the list has come
            pass
        elif group.ticket:
            self._ask_for_list(group, due)
        elif group.prefers_list(self._document_bytes):
            for member in group.members.values():
                if not member.is_asked:
                    self._queue.remove(member)
            self._ask_for_list(group, due)
        else:
            self._queue.put(watched, due)

    # -- lists -------------------------------------------------------------------------------------------------

    def next_round(self, group: Group, quiet: float, *, hint: float | None = None) -> None:
        """Give a group its next turn after its list has come or failed.

        Args:
            group: The group.
            quiet: How many polls in a row changed nothing, for the member of which they are fewest.
            hint: The wait that the server asked for.
        """
        now = self._now()
        if not group.members:
            self._groups.pop(group.benchmark_id, None)
        elif group.prefers_list(self._document_bytes):
            group.wait = self._waits.after(quiet)
            self._ask_for_list(group, self._waits.due(now, group.wait, hint))
        else:
            group.forget_list()
            for watched in group.members.values():
                if not watched.is_asked:
                    self._queue.put(watched, self._waits.due(now, self._waits.after(watched.quiet), hint))

    def ask_for_list(self, group: Group) -> None:
        """Ask for a group's list now."""
        if group.members:
            self._ask_for_list(group, self._now())

    def do_without_list(self, group: Group) -> None:
        """Ask for the members singly, from now on and for ten rounds."""
        group.bar_list()
        group.forget_list()
        for watched in group.members.values():
            self.ask_alone(watched)

    def _ask_for_list(self, group: Group, due: float) -> None:
        if not group.ticket or due < group.due:
            group.due = due
            self._queue.put(group, due)


def _wait_of(waits: Waits, unit: Unit) -> float:
    return unit.wait if isinstance(unit, Group) else waits.after(unit.quiet)
