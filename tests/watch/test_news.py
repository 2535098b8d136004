"""The queue of news: a slow consumer gets the newest state of a job, and every end."""

from __future__ import annotations

import pytest

from aiobench import APIConnectionError, BenchmarkJob, Progress
from aiobench._watch.news import Changed, Ended, Moved, News, NewsQueue, Unanswered

pytestmark = pytest.mark.anyio

JOB = BenchmarkJob("j", "", "")


def taken(queue: NewsQueue) -> list[News]:
    """Empty the queue."""
    return list(iter(queue.take, None))


async def test_changes_of_status_are_joined() -> None:
    """Two changes that were not reported become one, from the first status to the last."""
    queue = NewsQueue()
    queue.put(Changed(JOB, "a", "b"), "j")
    queue.put(Changed(JOB, "b", "c"), "j")
    assert taken(queue) == [Changed(JOB, "a", "c")]


async def test_a_change_and_its_way_back_are_nothing() -> None:
    """A status that is what it was before is no news."""
    queue = NewsQueue()
    queue.put(Changed(JOB, "a", "b"), "j")
    queue.put(Changed(JOB, "b", "a"), "j")
    assert taken(queue) == []


async def test_the_newest_progress_is_told() -> None:
    """Of progress that was not reported, the newest counts."""
    queue = NewsQueue()
    for percentage in (1.0, 2.0, 3.0):
        queue.put(Moved(JOB, Progress(percentage)), "j")
    assert taken(queue) == [Moved(JOB, Progress(3.0))]


async def test_a_failure_that_is_over_is_no_news() -> None:
    """A failed poll that was not reported is forgotten when the next one succeeds."""
    queue = NewsQueue()
    queue.put(Unanswered((JOB,), APIConnectionError("gone")), "group")
    queue.forget_failure("group")
    assert taken(queue) == []


async def test_every_end_is_kept_and_fills_the_queue() -> None:
    """Ends are never joined; when there are many, no more documents are wanted until some were taken."""
    queue = NewsQueue()
    for number in range(NewsQueue.SIZE):
        assert NewsQueue.SIZE - number == queue.room
        queue.put(Ended(JOB, snapshot=None), f"j{number}")  # type: ignore[arg-type]
    assert queue.room == 0
    queue.take()
    assert queue.room == 1
    assert len(taken(queue)) == NewsQueue.SIZE - 1
