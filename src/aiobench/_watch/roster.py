"""The jobs of a monitor and the groups they are asked for in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiobench._http.session import ApiRequest
    from aiobench.documents import Progress
    from aiobench.job import BenchmarkJob

__all__ = ["Group", "Watched"]

REQUEST_COST = 16_000  # bytes: what a request costs besides its reply, in terms of the reply's size
ROUNDS_BARRED = 10


class Watched:
    """One job that is watched; ten thousand of these exist at once, so it holds little.

    Attributes:
        job: The job.
        group: The benchmark's group, or None while the benchmark is not known.
        status: The last status that was believed; None before the first poll.
        progress: The last progress that a document showed.
        wait: Seconds to the next poll, without jitter.
        changed_at: When the last change was seen, in monotonic seconds.
        round: The last round of its group in which the list named it.
        is_asked: Whether its document is being asked for, or about to be.
        is_new: Whether it was never asked for, alone or with its group.
        unknown: How many polls in a row brought a status that nobody knows.
        ticket: Its valid entry in the timetable; 0 for none.
    """

    __slots__ = (
        "changed_at", "group", "is_asked", "is_new", "job", "progress", "round", "status", "ticket", "unknown",
        "wait",
    )  # fmt: skip

    def __init__(self, job: BenchmarkJob, *, wait: float, now: float) -> None:
        self.job = job
        self.group: Group | None = None
        self.status: str | None = None
        self.progress: Progress | None = None
        self.wait = wait
        self.changed_at = now
        self.round = 0
        self.is_asked = False
        self.unknown = 0
        self.ticket = 0
        self.is_new = True


class Group:
    """The watched jobs of one benchmark, and what asking for its job list costs.

    Attributes:
        benchmark_id: The benchmark.
        request: Asks for the list.
        members: The jobs, by id.
        due: When the list is asked for next, if the group is in the timetable.
        wait: Seconds from one list to the next, without jitter.
        round: How many lists have come.
        failures: How many requests for the list have failed in a row.
        is_asked: Whether the list is being asked for.
        is_new: Whether no list has come yet.
        ticket: Its valid entry in the timetable; 0 for none.
    """

    __slots__ = (
        "_barred", "_list_bytes", "_missing", "benchmark_id", "due", "failures", "is_asked", "is_new", "members",
        "request", "round", "ticket", "wait",
    )  # fmt: skip

    def __init__(self, benchmark_id: str, request: ApiRequest) -> None:
        self.benchmark_id = benchmark_id
        self.request = request
        self.members: dict[str, Watched] = {}
        self.due = float("inf")
        self.wait = 0.0
        self.round = 0
        self.is_asked = False
        self.failures = 0
        self.ticket = 0
        self.is_new = True
        self._barred = 0
        self._list_bytes: int | None = None
        self._missing = 0

    def note_list(self, size: int, missing: int) -> None:
        """Remember what a list cost and how many members it lacked."""
        self._list_bytes, self._missing, self.failures, self.is_new = size, missing, 0, False

    def bar_list(self) -> None:
        """Do without the list for ten rounds: the route answers 403 or 404, or more than the cap."""
        self._barred = ROUNDS_BARRED * len(self.members)
        self.failures = 0

    def note_single(self) -> None:
        """Count the poll of one member towards the rounds after which a barred list is tried again."""
        self._barred = max(0, min(self._barred, ROUNDS_BARRED * len(self.members)) - 1)

    def prefers_list(self, document_bytes: float) -> bool:
        """Tell whether one list is cheaper than asking for each member."""
        if self._barred:
            return False
        if self._list_bytes is None:
            return len(self.members) > 1
        covered = len(self.members) - self._missing
        return REQUEST_COST + self._list_bytes < covered * (REQUEST_COST + document_bytes)
