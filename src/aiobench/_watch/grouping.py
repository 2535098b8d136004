"""Who is asked for with whom: a benchmark's job list where that is cheaper, single jobs elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiobench._watch.roster import Group, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aiobench._http.session import ApiRequest
    from aiobench._watch.schedule import Waits
    from aiobench._watch.timetable import Timetable
    from aiobench._wire.heads import ListEntry

__all__ = ["Grouping"]


class Grouping:
    """The groups of a monitor, and their places in its timetable.

    Args:
        timetable: Where turns are noted.
        waits: The policy's arithmetic.
        list_request: Makes the request for a benchmark's job list.
        now: The monotonic clock.
    """

    def __init__(
        self,
        timetable: Timetable,
        waits: Waits,
        *,
        list_request: Callable[[str], ApiRequest],
        now: Callable[[], float],
    ) -> None:
        self._timetable = timetable
        self._waits = waits
        self._list_request = list_request
        self._now = now
        self._groups: dict[str, Group] = {}
        self._document_bytes = 4_000.0  # what a document weighs, as a moving average

    def note_document(self, size: int) -> None:
        """Remember what a document weighed."""
        self._document_bytes += 0.1 * (size - self._document_bytes)

    def note_disturbance(self) -> None:
        """Note that polls are held up: for one longest wait from now, those that are late are spread."""
        self._timetable.hold_up(self._now() + self._waits.drawn(self._waits.longest))

    def admit(self, newcomers: Iterable[Watched]) -> None:
        """Give jobs their first turn: now."""
        now = self._now()
        by_benchmark: dict[str, list[Watched]] = {}
        for watched in newcomers:
            by_benchmark.setdefault(watched.job.benchmark_id, []).append(watched)
        for benchmark_id, members in by_benchmark.items():
            for watched in members:
                if benchmark_id and (len(members) > 1 or benchmark_id not in self._groups):
                    self.join(watched, benchmark_id, due=now)
                else:  # the document tells the benchmark; and one newcomer alone is not worth a list
                    self.ask_singly(watched)

    def join(self, watched: Watched, benchmark_id: str, *, due: float) -> None:
        """Make a job a member of its benchmark's group, and see that it is polled at *due* or before."""
        group = self._groups.get(benchmark_id)
        if group is None:
            group = self._groups[benchmark_id] = Group(benchmark_id, self._list_request(benchmark_id))
        if watched.group is not group:
            self.leave(watched)
            watched.group = group
            group.members[watched.job.id] = watched
        self.arrange(watched, due)

    def leave(self, watched: Watched) -> None:
        """Take a job out of its group and out of the timetable."""
        self._timetable.remove(watched)
        group, watched.group = watched.group, None
        if group is not None:
            group.members.pop(watched.job.id, None)
            if not group.members:
                self._timetable.remove(group)
                self._groups.pop(group.benchmark_id, None)

    def arrange(self, watched: Watched, due: float) -> None:
        """Give a job its next turn: with its group's list, or on its own."""
        group = watched.group
        if group is None:
            self._timetable.put(watched, due)
        elif group.is_asked:  # its next round is arranged when the list has come
            pass
        elif group.ticket:
            self._ask_for_list(group, min(due, group.due))
        elif group.prefers_list(self._document_bytes):
            for member in group.members.values():
                if not member.is_asked:
                    self._timetable.remove(member)
            self._ask_for_list(group, due)
        else:
            self._timetable.put(watched, due)

    def next_round(self, group: Group, least: float, hint: float | None = None) -> None:
        """Give a group its next turn after its list has come or failed; *least* is the shortest wait in it."""
        now = self._now()
        if not group.members:
            self._groups.pop(group.benchmark_id, None)
        elif group.prefers_list(self._document_bytes):
            group.wait = min(least, self._waits.longest)
            self._ask_for_list(group, now + self._waits.drawn(group.wait, hint))
        else:
            for watched in group.members.values():
                if not watched.is_asked:
                    self._timetable.put(watched, now + self._waits.drawn(watched.wait, hint))

    def do_without_list(self, group: Group) -> None:
        """Ask for the members singly, from now on and for ten rounds."""
        group.bar_list()
        for watched in group.members.values():
            self.ask_singly(watched)

    def ask_singly(self, watched: Watched) -> None:
        """Ask for one job's document now, unless that is under way."""
        if not watched.is_asked:
            watched.is_asked = True
            self._timetable.put(watched, self._now())

    def adopt(self, group: Group, watched: Watched, entry: ListEntry) -> bool:
        """Take in a newcomer that the group's list shows to be one of its own; return whether it is."""
        if watched.group is not None or (entry.benchmark_id and entry.benchmark_id != group.benchmark_id):
            return False
        if not watched.ticket:  # it is being asked for: its document will tell
            return False
        self._timetable.remove(watched)
        watched.is_asked = False
        watched.job.benchmark_id = group.benchmark_id
        watched.group = group
        group.members[watched.job.id] = watched
        return True

    def _ask_for_list(self, group: Group, due: float) -> None:
        if not group.ticket or due < group.due:
            group.due = due
            self._timetable.put(group, due)
