"""The mailbox: a slow consumer gets the newest state of a job, and every end."""

from __future__ import annotations

import pytest

from aiobench import APIConnectionError, BenchmarkJob, Finished, PollFailed, Progress, Progressed, StatusChanged
from aiobench._watch.mailbox import Mailbox
from aiobench.events import MonitorEvent

pytestmark = pytest.mark.anyio

JOB = BenchmarkJob("j", "", "")


def taken(mailbox: Mailbox) -> list[MonitorEvent]:
    """Empty the mailbox."""
    found = []
    while (event := mailbox.take()) is not None:
        found.append(event)
    return found


async def test_changes_of_status_are_joined() -> None:
    """Two changes that were not told become one, from the first status to the last."""
    mailbox = Mailbox()
    mailbox.put(StatusChanged(JOB, "a", "b"), "j")
    mailbox.put(StatusChanged(JOB, "b", "c"), "j")
    assert [StatusChanged(JOB, "a", "c")] == taken(mailbox)


async def test_a_change_and_its_way_back_are_nothing() -> None:
    """A status that is what it was before is no news."""
    mailbox = Mailbox()
    mailbox.put(StatusChanged(JOB, "a", "b"), "j")
    mailbox.put(StatusChanged(JOB, "b", "a"), "j")
    assert [] == taken(mailbox)


async def test_the_newest_progress_is_told() -> None:
    """Of progress that was not told, the newest counts."""
    mailbox = Mailbox()
    for percentage in (1.0, 2.0, 3.0):
        mailbox.put(Progressed(JOB, Progress(percentage)), "j")
    assert [Progressed(JOB, Progress(3.0))] == taken(mailbox)


async def test_a_failure_that_is_over_is_no_news() -> None:
    """A failed poll that was not told is forgotten when the next one succeeds."""
    mailbox = Mailbox()
    mailbox.put(PollFailed((JOB,), APIConnectionError("gone")), "group")
    mailbox.forget_failure("group")
    assert [] == taken(mailbox)


async def test_every_end_is_kept_and_fills_the_mailbox() -> None:
    """Ends are never joined; when there are many, no more documents are wanted until some were taken."""
    mailbox = Mailbox()
    for number in range(Mailbox.SIZE):
        assert Mailbox.SIZE - number == mailbox.room
        mailbox.put(Finished(JOB, snapshot=None), f"j{number}")  # type: ignore[arg-type]
    assert mailbox.room == 0
    mailbox.take()
    assert mailbox.room == 1
    assert Mailbox.SIZE - 1 == len(taken(mailbox))
