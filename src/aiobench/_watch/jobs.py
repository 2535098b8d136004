"""The state of a watched job, and of a benchmark whose list covers many jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiobench._watch.unchanged import LastReply

if TYPE_CHECKING:
    from aiobench._http.exchange import ApiRequest
    from aiobench.documents import Progress

__all__ = ["Group", "Job", "WatchedJob"]

REQUEST_COST = 16_000  # bytes: what a request costs besides its reply, in terms of the reply's size
ROUNDS_BARRED = 10


class Job(Protocol):
    """What watching requires of a job."""

    id: str
    benchmark_id: str

    def observe(self, status: str, benchmark_id: str = "") -> None:
        """Take in the result of a poll."""


class WatchedJob:
    """A watched job. A million of these may exist at once, so it holds little.

    Attributes:
        job: The job.
        group: Its benchmark's group, or None while the benchmark is unknown.
        status: The last status that was believed; None before the first poll.
        progress: The last progress that a document showed.
        changed_at: When the last change was seen, in monotonic seconds.
        quiet_from: The round of its group after which nothing changed; see `quiet`.
        round: The last round of its group in which the list named it.
        is_plain: Whether the group's last list showed nothing about it that needs another look.
        is_asked: Whether its document is being asked for, or about to be.
        is_new: Whether it was never asked for, alone or with its group.
        unknown: The number of consecutive polls with an unknown status.
        reply: The last document, if it is asked for singly.
        ticket: Its valid entry in the queue; 0 for none.
    """

    __slots__ = (
        "changed_at", "group", "is_asked", "is_new", "is_plain", "job", "progress", "quiet_from", "reply", "round",
        "status", "ticket", "unknown",
    )  # fmt: skip

    def __init__(self, job: Job, *, now: float) -> None:
        self.job = job
        self.group: Group | None = None
        self.status: str | None = None
        self.progress: Progress | None = None
        self.changed_at = now
        self.quiet_from = 0
        self.round = 0
        self.is_plain = False
        self.is_asked = False
        self.is_new = True
        self.unknown = 0
        self.reply: LastReply | None = None
        self.ticket = 0

    @property
    def quiet(self) -> int:
        """How many polls in a row changed nothing.

        Each round of the group counts as one, so that a round costs nothing for the jobs that it shows unchanged.
        """
        return (self.group.round if self.group is not None else 0) - self.quiet_from

    def count_change(self) -> None:
        self.quiet_from = self.group.round if self.group is not None else 0

    def count_quiet_poll(self) -> None:
        """Count a single poll of this job that changed nothing."""
        self.quiet_from -= 1

    def leave_out_round(self) -> None:
        """Do not count the group's present round, which said nothing about this job."""
        self.quiet_from += 1

    def move(self, group: Group | None) -> None:
        quiet, self.group = self.quiet, group
        self.quiet_from = (group.round if group is not None else 0) - quiet


class Group:
    """The watched jobs of one benchmark, and the cost of its job list.

    Attributes:
        benchmark_id: The benchmark.
        request: Asks for the list.
        members: The jobs, by id.
        due: When the list is asked for next, if the group is in the queue.
        wait: Seconds from one list to the next, without jitter.
        round: How many times the list was asked for.
        failures: How many requests for the list have failed in a row.
        is_asked: Whether the list is being asked for.
        is_new: Whether no list has come yet.
        ticket: Its valid entry in the queue; 0 for none.
        reply: The last list; the same again says nothing new but for `odd` and `missing`.
        covered: How many members the last list named.
        quiet_from: The latest `quiet_from` of the members that the last list showed plainly.
        odd: The members of which the last list says what needs another look each time, with their status there.
        missing: The members that the last list lacked.
    """

    __slots__ = (
        "_barred", "_list_bytes", "benchmark_id", "covered", "due", "failures", "is_asked", "is_new",
        "members", "missing", "odd", "quiet_from", "reply", "request", "round", "ticket", "wait",
    )  # fmt: skip

    def __init__(self, benchmark_id: str, request: ApiRequest) -> None:
        self.benchmark_id = benchmark_id
        self.request = request
        self.members: dict[str, WatchedJob] = {}
        self.due = float("inf")
        self.wait = 0.0
        self.round = 0
        self.failures = 0
        self.is_asked = False
        self.is_new = True
        self.ticket = 0
        self.reply = LastReply()
        self.covered = 0
        self.quiet_from = float("-inf")
        self.odd: list[tuple[WatchedJob, str | None]] = []
        self.missing: list[WatchedJob] = []
        self._barred = 0
        self._list_bytes: int | None = None

    def forget_list(self) -> None:
        """Make sure that the next list is decoded even if it is identical, because something else has changed."""
        self.reply.forget()

    def note_list(self, size: int) -> None:
        """Remember what a list cost."""
        self._list_bytes, self.failures, self.is_new = size, 0, False

    def bar_list(self) -> None:
        """Do without the list for ten rounds, because its route replies 403 or 404, or more than the cap."""
        self._barred = ROUNDS_BARRED * len(self.members)
        self.failures = 0

    def note_single(self) -> None:
        """Count a member's single poll towards the rounds after which a barred list is tried again."""
        self._barred = max(0, min(self._barred, ROUNDS_BARRED * len(self.members)) - 1)

    def prefers_list(self, document_bytes: float) -> bool:
        """Return whether one list is cheaper than asking for each member."""
        if self._barred:
            return False
        if self._list_bytes is None:
            return len(self.members) > 1
        covered = len(self.members) - len(self.missing)
        return REQUEST_COST + self._list_bytes < covered * (REQUEST_COST + document_bytes)
