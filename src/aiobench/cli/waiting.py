"""Waiting for jobs, and what their ends mean for the exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import anyio
from attrs import define, field

from aiobench import Abandoned, AiobenchError, APIError, Finished, JobSnapshot, JobsWaitTimeoutError, PollFailed
from aiobench.cli.exits import Exit, error_fields, exit_of, sentence, worst
from aiobench.cli.groups import one_error
from aiobench.cli.output import hint, job_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aiobench import BenchmarkJob, Client, JobState, Monitor, MonitorEvent

__all__ = ["Display", "Mode", "NoDisplay", "Outcomes", "wait_for"]

Mode: TypeAlias = Literal["all", "any", "fail-fast"]


class Display(Protocol):
    """Shows a wait while it lasts."""

    interval: float  # seconds between two calls of `tick`

    def event(self, event: MonitorEvent) -> None: ...
    def tick(self, watched: Mapping[str, JobState]) -> None: ...


class NoDisplay:
    """Shows nothing."""

    interval: float = float("inf")

    def event(self, event: MonitorEvent) -> None: ...
    def tick(self, watched: Mapping[str, JobState]) -> None: ...


@define
class Outcomes:
    """How the jobs of one command ended, in the order in which they were given."""

    ids: dict[str, None]
    ended: dict[str, JobSnapshot | AiobenchError] = field(factory=dict)
    answered: set[str] = field(factory=set)  # jobs that some poll has seen
    unreachable: APIError | None = None  # why the last failed poll failed
    stopped: bool = False  # before all jobs had ended, because of the mode

    def note_end(self, event: Finished | Abandoned) -> None:
        """Take in how a job ended; one that a journal brought is new here."""
        job_id = event.job.id
        self.ids[job_id] = None
        if isinstance(event, Finished):
            self.ended[job_id] = event.snapshot
        else:
            self.ended[job_id] = event.error
            if event.job.status:
                self.answered.add(job_id)

    def exit_of(self, job_id: str) -> Exit:
        """Return the exit status for one job."""
        outcome = self.ended.get(job_id)
        if isinstance(outcome, JobSnapshot):
            return Exit.OK if outcome.succeeded else Exit.VERDICT
        if outcome is not None:
            # a job that was seen and then went away is a verdict about the job, not about the request
            return Exit.VERDICT if job_id in self.answered else exit_of(outcome)
        return Exit.LATE if job_id in self.answered or self.unreachable is None else Exit.NO_VERDICT

    def exit(self) -> Exit:
        """Return the exit status of the wait; if it stopped early, that of the jobs that have ended."""
        return worst(self.exit_of(each) for each in self.ids if each in self.ended or not self.stopped)

    def fields(self, job_id: str) -> dict[str, object]:
        """Return one job as `--json` shows it."""
        outcome = self.ended.get(job_id)
        if isinstance(outcome, JobSnapshot):
            return job_fields(outcome)
        if outcome is not None:
            return {"id": job_id, "error": {**error_fields(outcome), "status": int(self.exit_of(job_id))}}
        if self.stopped:
            return {"id": job_id, "is_terminal": False}
        kind = "APIConnectionError" if self.exit_of(job_id) is Exit.NO_VERDICT else "WaitTimeoutError"
        error = {"kind": kind, "message": self.summary_of(job_id), "status": int(self.exit_of(job_id))}
        return {"id": job_id, "error": error}

    def summary_of(self, job_id: str) -> str:
        """Say in a few words how a job ended."""
        outcome = self.ended.get(job_id)
        if isinstance(outcome, JobSnapshot):
            failed = len(outcome.failed_iterations)
            return outcome.status + (f", {failed} of {len(outcome.iterations)} models failed" if failed else "")
        if outcome is not None:
            return sentence(outcome)
        if self.exit_of(job_id) is Exit.NO_VERDICT and self.unreachable is not None:
            return f"no answer: {sentence(self.unreachable)}"
        return "not ended; the job goes on"


async def wait_for(
    client: Client,
    jobs: Sequence[BenchmarkJob | str],
    *,
    timeout: float | None,
    mode: Mode = "all",
    journal: Path | None = None,
    display: Display | None = None,
) -> Outcomes:
    """Wait until all jobs have ended, until any has, or until the first one that did not succeed.

    Args:
        client: The client to ask with.
        jobs: The jobs; those of the journal come on top.
        timeout: Seconds in all; None for no limit.
        mode: When to stop.
        journal: A file that lets a killed wait go on.
        display: Shows what happens.

    Returns:
        How they ended.
    """
    shown = display or NoDisplay()
    outcomes = Outcomes(dict.fromkeys(job if isinstance(job, str) else job.id for job in jobs))
    # the ends that an earlier run with this journal handled count for the exit status as well
    monitor = client.monitor(jobs, timeout=timeout, journal=journal, replay=journal is not None)
    try:
        with one_error():
            async with monitor, anyio.create_task_group() as tasks:
                outcomes.ids |= dict.fromkeys(monitor.jobs)
                tasks.start_soon(_tick, shown, monitor.jobs)
                await _consume(monitor, outcomes, mode, shown)
                tasks.cancel_scope.cancel()
    except JobsWaitTimeoutError:
        pass
    except anyio.get_cancelled_exc_class():
        hint("the jobs go on" + (f"; `aiobench watch --journal {journal}` continues" if journal else ""))
        raise
    finally:
        outcomes.answered |= {job_id for job_id, state in monitor.jobs.items() if state.status}
        shown.tick(monitor.jobs)
    return outcomes


async def _consume(monitor: Monitor, outcomes: Outcomes, mode: Mode, shown: Display) -> None:
    failures = 0
    async for event in monitor:
        shown.event(event)
        if isinstance(event, PollFailed):
            outcomes.unreachable = event.error
            failures += 1
            if failures in {1, 10, 100, 1000}:
                hint(f"{sentence(event.error)}; asking again")
        elif isinstance(event, Finished | Abandoned):
            outcomes.note_end(event)
            has_succeeded = outcomes.exit_of(event.job.id) is Exit.OK
            if mode == "any" or (mode == "fail-fast" and not has_succeeded):
                outcomes.stopped = True
                return


async def _tick(display: Display, watched: Mapping[str, JobState]) -> None:
    while True:
        display.tick(watched)
        await anyio.sleep(display.interval)
