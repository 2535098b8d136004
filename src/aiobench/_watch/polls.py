"""One turn of a monitor: ask for a job's document or a benchmark's list, and take in the reply."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from aiobench._http.retries import asked_wait, is_retried
from aiobench._watch.jobs import Group, WatchedJob
from aiobench._watch.log import logger
from aiobench._watch.unchanged import LastReply
from aiobench._wire.heads import ListEntry, job_list
from aiobench._wire.statuses import normalized
from aiobench.errors import APIError, APIStatusError, AuthenticationError, InvalidResponseError
from aiobench.snapshot import JobSnapshot, snapshot_of

if TYPE_CHECKING:
    import anyio.lowlevel  # noqa: TC004 - anyio imports it itself when it is first used

    from aiobench._http.platform import Platform
    from aiobench._watch.agenda import Agenda
    from aiobench._watch.states import States
    from aiobench._watch.timing import Unit

__all__ = ["SLICE", "Polls"]

SLICE = 500  # list entries compared, or jobs taken in, before other tasks get a turn: a millisecond or two
FAILED_LISTS = 3  # in a row that make no sense, after which the single jobs are asked for


class Polls:
    """Sends requests, passes what replies say to the states, and schedules each job's next turn.

    Args:
        platform: The platform to ask.
        ends: The statuses that are terminal, normalized.
        agenda: What is asked for next.
        states: The last state of each job.
    """

    def __init__(self, platform: Platform, ends: frozenset[str], agenda: Agenda, states: States) -> None:
        self._platform = platform
        self._now = platform.session.now
        self._ends = ends
        self._agenda = agenda
        self._states = states
        self.requests = self.list_requests = 0

    async def ask(self, unit: Unit) -> None:
        """Poll a unit.

        Raises:
            AuthenticationError: If the key is not accepted.
            ClientStateError: If the client cannot be used (any more).
        """
        try:
            await (self._ask_for_list(unit) if isinstance(unit, Group) else self._ask_for_job(unit))
        finally:
            self._agenda.done(unit)

    # -- one job -----------------------------------------------------------------------------------------------

    async def _ask_for_job(self, watched: WatchedJob) -> None:
        job = watched.job
        last = watched.reply
        try:
            answer = await self._platform.ask(
                self._platform.job_request(job.id),
                lambda body: snapshot_of(job.id, body, polled_at=datetime.now(UTC), terminal=self._ends),
                on_send=self._count_request,
                etag=None if last is None else last.condition(),
                known=None if last is None else last.digest,
            )
        except AuthenticationError:
            raise
        except APIError as error:
            self._agenda.answered(watched)
            self._job_failed(watched, error)
            return
        self._agenda.answered(watched)
        self._states.note_success(watched, polls=1)
        if answer.size:
            self._agenda.note_document(answer.size)
        snapshot = answer.value
        if snapshot is None:
            self._take_same_document(watched, answer.retry_after)
        elif snapshot.is_terminal:
            self._take_end(watched, snapshot)
        else:
            watched.reply = watched.reply or LastReply()
            watched.reply.note(answer.digest, answer.etag)
            job.observe(snapshot.status, snapshot.benchmark_id)
            if self._states.compare(watched, snapshot.status, snapshot.progress):
                watched.count_change()
            else:
                watched.count_quiet_poll()
            self._agenda.ask_again(watched, hint=answer.retry_after)

    def _take_same_document(self, watched: WatchedJob, hint: float | None) -> None:
        """Take in a document identical to the one before, which was not terminal: nothing changed."""
        if watched.reply is None or watched.reply.digest is None:  # a list has said otherwise meanwhile
            self._agenda.ask_alone(watched)
            return
        assert watched.status is not None
        watched.job.observe(watched.status)
        if watched.unknown:
            self._states.note_whether_known(watched, watched.status)
        watched.count_quiet_poll()
        self._agenda.ask_again(watched, hint=hint)

    def _take_end(self, watched: WatchedJob, snapshot: JobSnapshot) -> None:
        watched.reply = None
        if self._agenda.may_end(watched):
            self._agenda.leave(watched)
            self._states.finish(watched, snapshot)
        else:  # to keep its document until the consumer has caught up would take memory without bound
            watched.job.observe(snapshot.status, snapshot.benchmark_id)
            self._agenda.confirm(watched)

    def _job_failed(self, watched: WatchedJob, error: APIError) -> None:
        if is_retried(error):
            self._agenda.note_disturbance()
            self._states.note_failure([watched], watched, error)
            watched.count_quiet_poll()
            self._agenda.ask_again(watched, hint=asked_wait(error), may_join=False)
        else:
            self._agenda.leave(watched)
            self._states.abandon(watched, error)

    # -- one list ----------------------------------------------------------------------------------------------

    async def _ask_for_list(self, group: Group) -> None:
        last = group.reply
        try:
            answer = await self._platform.ask(
                group.request,
                job_list,
                on_send=self._count_list_request,
                etag=last.condition(),
                known=last.digest,
            )
        except AuthenticationError:
            raise
        except APIError as error:
            self._agenda.answered(group)
            self._list_failed(group, error)
            return
        if answer.value is not None:
            group.round += 1
            # before the first checkpoint: whatever changes after it may reset this
            group.reply.note(answer.digest, answer.etag)
            await anyio.lowlevel.checkpoint()  # to decode and to compare are two turns
            await self._take_list(group, answer.value, answer.size)
        elif group.reply.digest is not None:
            group.round += 1
            self._take_same_list(group)
        else:  # something else changed meanwhile, so the list must be read after all
            self._agenda.answered(group)
            self._agenda.ask_for_list(group)
            return
        newest = max([group.quiet_from, *(watched.quiet_from for watched, _ in group.odd if watched.group is group)])
        self._agenda.answered(group)
        self._agenda.next_round(group, group.round - newest, hint=answer.retry_after)

    def _take_same_list(self, group: Group) -> None:
        """Take in a list identical to the one before: its members only count another round."""
        self._states.note_success(group, polls=group.covered)
        now = self._now()
        for watched, status in group.odd:
            self._take_news(watched, status, now)
        for watched in group.missing:
            watched.leave_out_round()
            self._agenda.ask_alone(watched)

    async def _take_list(self, group: Group, entries: Sequence[ListEntry], size: int) -> None:
        """Take in a list.

        The loop sees every entry of every list that differs from the one before: this is the hot path.
        """
        group.odd, jobs, this_round, covered, newest = [], self._states.jobs, group.round, 0, float("-inf")
        for start in range(0, len(entries), SLICE):
            now = self._now()
            for entry in entries[start : start + SLICE]:
                watched = jobs.get(entry.job_id)
                if watched is None or (watched.group is not group and not self._agenda.adopt(group, watched, entry)):
                    continue
                if watched.round == this_round:  # listed twice
                    continue
                watched.round = this_round
                covered += 1
                if entry.status == watched.status is not None and not watched.unknown:
                    watched.is_plain = True
                elif not self._take_news(watched, entry.status, now):
                    group.odd.append((watched, entry.status))
                    continue
                newest = max(newest, watched.quiet_from)
            await anyio.lowlevel.checkpoint()
        self._states.note_success(group, polls=covered)
        group.covered, group.quiet_from = covered, newest
        group.missing = [watched for watched in group.members.values() if watched.round != this_round]
        group.note_list(size)
        for watched in group.missing:
            watched.is_plain = False
            watched.leave_out_round()
            self._agenda.ask_alone(watched)

    def _take_news(self, watched: WatchedJob, status: str | None, now: float) -> bool:
        """Take in an entry with news; return whether that settles it.

        What is not settled needs another look each time that the list says so.
        """
        watched.is_plain = False
        if status is None:  # it cannot be read
            watched.leave_out_round()
            self._agenda.ask_alone(watched)
        elif normalized(status) in self._ends:  # the document has the last word
            watched.leave_out_round()
            watched.job.observe(status)
            self._agenda.confirm(watched)
        else:
            if self._states.compare(watched, status, now=now):
                watched.count_change()
                if watched.reply is not None:
                    watched.reply.forget()  # its document is news again, even if it is the one before
            watched.is_plain = not watched.unknown
        return watched.is_plain

    def _list_failed(self, group: Group, error: APIError) -> None:
        members = list(group.members.values())
        group.failures += 1
        is_refused = isinstance(error, APIStatusError) and not is_retried(error)
        if not is_refused:
            self._agenda.note_disturbance()
            self._states.note_failure(members, group, error)
        makes_no_sense = isinstance(error, InvalidResponseError) and group.failures >= FAILED_LISTS
        if not is_retried(error) or makes_no_sense:
            logger.info("%s; asking for %d jobs singly", error, len(members))
            self._agenda.do_without_list(group)
            return
        group.round += 1  # a failed poll of all of them, which changed nothing
        quiet = min((each.quiet for each in members), default=0)
        self._agenda.next_round(group, quiet, hint=asked_wait(error))

    def _count_request(self) -> None:
        self.requests += 1

    def _count_list_request(self) -> None:
        self.requests += 1
        self.list_requests += 1
