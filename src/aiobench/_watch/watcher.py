"""Watches one job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from aiobench._http.retries import asked_wait, is_retried
from aiobench._watch.log import logger, reaches_a_power_of_ten, warn_of_unknown_status
from aiobench._watch.timing import GAP, Waits
from aiobench._wire.statuses import is_known, normalized, shown
from aiobench.errors import APIError, JobStalledError, WaitTimeoutError

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from aiobench.policy import PollPolicy
    from aiobench.snapshot import JobSnapshot

__all__ = ["Watcher"]

FIRST_POLL = 1.0  # seconds that the one poll which is always made may take when the time is up already


class Watcher:
    """Polls one job until it ends, one snapshot at a time.

    Nothing runs and nothing is held between two steps, so it can be dropped at any moment.
    """

    def __init__(
        self,
        job_id: str,
        poll: Callable[[], Awaitable[tuple[JobSnapshot, float | None]]],
        policy: PollPolicy,
        *,
        timeout: float | None,
        stall_after: float | None,
        every_poll: bool,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        move_on_after: Callable[[float], AbstractContextManager[object]] | None = None,
        random: random.Random,
    ) -> None:
        self._job_id = job_id
        self._poll = poll
        self._policy = policy
        self._timeout, self._stall_after, self._every_poll = timeout, stall_after, every_poll
        self._now, self._sleep, self._move_on_after = now, sleep, move_on_after or anyio.move_on_after
        self._waits = Waits(policy, random)
        self._quiet = 0  # polls in a row that changed nothing
        self._due: float | None = None  # None before the first step
        self._deadline = self._changed_at = float("inf")
        self._last: JobSnapshot | None = None
        self._last_error: APIError | None = None
        self._hint: float | None = None  # seconds that the server asked to wait
        self._unknown = self._failed = 0

    async def step(self) -> JobSnapshot | None:
        """Poll until there is something to report; return None after the terminal snapshot.

        Raises:
            WaitTimeoutError: When the time is up.
            JobStalledError: When nothing changed for `stall_after` seconds.
            APIError: When asking again cannot help: 401, 403, 404 and the like.
        """
        if self._last is not None and self._last.is_terminal:
            return None
        try:
            return await self._next_news()
        except BaseException:
            self._last_error = None  # the frames of its traceback hold this watcher
            raise

    async def _next_news(self) -> JobSnapshot:
        while True:
            is_first = self._due is None
            await self._until_due()
            snapshot = await self._one_poll(is_first=is_first)
            changed = snapshot is not None and (self._last is None or snapshot.has_moved_since(self._last))
            self._quiet = 0 if changed else self._quiet + 1
            self._due = self._now() + self._waits.drawn(self._waits.after(self._quiet), self._hint)
            if changed:
                self._changed_at = self._now()
            if snapshot is not None:
                self._last = snapshot
                if changed or self._every_poll or snapshot.is_terminal:
                    return snapshot

    @property
    def _stalls_at(self) -> float:
        return self._changed_at + (float("inf") if self._stall_after is None else self._stall_after)

    async def _until_due(self) -> None:
        now = self._now()
        if self._due is None:
            self._changed_at = self._due = now
            self._deadline = now + (float("inf") if self._timeout is None else self._timeout)
            return
        until = min(self._due, self._deadline, self._stalls_at)
        if until > now:
            await self._sleep(until - now)
            now = self._now()
        if now >= self._deadline:
            raise self._timed_out()
        if now >= self._stalls_at:
            raise self._stalled(now - self._changed_at)
        if now - until > GAP:  # suspended: all watches wake at once, so each waits a little of its own
            await self._sleep(min(self._waits.spread(self._waits.first), self._deadline - now))

    async def _one_poll(self, *, is_first: bool) -> JobSnapshot | None:
        remaining = min(self._deadline, self._stalls_at) - self._now()
        with self._move_on_after(max(remaining, FIRST_POLL) if is_first else remaining):
            try:
                snapshot, self._hint = await self._poll()
            except APIError as error:
                if not is_retried(error):
                    raise
                self._last_error, self._hint = error, asked_wait(error)
                self._failed += 1
                if reaches_a_power_of_ten(self._failed):
                    logger.warning(
                        "job %s: poll failed (%d in a row), will ask again: %s",
                        self._job_id,
                        self._failed,
                        error,
                    )
                return None
            self._last_error, self._failed = None, 0
            self._note_whether_known(snapshot.status)
            return snapshot
        now = self._now()
        raise self._stalled(now - self._changed_at) if self._stalls_at < self._deadline else self._timed_out()

    def _note_whether_known(self, status: str) -> None:
        if not is_known(normalized(status), self._policy.ends):
            self._unknown += 1
            warn_of_unknown_status(self._job_id, status, self._unknown)

    def _timed_out(self) -> WaitTimeoutError:
        return WaitTimeoutError(
            f"job {self._job_id} is not done after {self._timeout:g} s: {self._state()}",
            job_id=self._job_id,
            snapshot=self._last,
        )

    def _stalled(self, seconds: float) -> JobStalledError:
        return JobStalledError(
            f"job {self._job_id} shows no change for {seconds:.0f} s: {self._state()}",
            job_id=self._job_id,
            snapshot=self._last,
            last_error=self._last_error,
        )

    def _state(self) -> str:
        if self._last is None:
            state = "no poll succeeded"
        else:
            state = f"last seen as {shown(self._last.status)!r}, and it goes on at the platform"
        return f"{state}; the last poll failed: {self._last_error}" if self._last_error else state
