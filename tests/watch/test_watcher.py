"""The watch of one job, with a poll and a clock of the test's own."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from aiobench import (
    APIConnectionError,
    JobSnapshot,
    JobStalledError,
    NotFoundError,
    PollPolicy,
    RateLimitError,
    WaitTimeoutError,
)
from aiobench._watch.watcher import Watcher
from aiobench.snapshot import snapshot_of

pytestmark = pytest.mark.anyio

POLICY = PollPolicy(interval=1, backoff=2, max_interval=8, jitter=0)


def document(status: str, **more: Any) -> bytes:
    """Spell out a job document."""
    return json.dumps({"status": status, **more}).encode()


class World:
    """A job whose polls are scripted, and a clock that only the watch moves on."""

    def __init__(self, polls: Iterable[bytes | Exception], *, cost: float = 0.0) -> None:
        self._polls = iter(polls)
        self._cost = cost
        self.time = 100.0
        self.polled_at: list[float] = []
        self.oversleep = 0.0
        self.hint: float | None = None

    async def poll(self) -> tuple[JobSnapshot, float | None]:
        self.polled_at.append(self.time)
        self.time += self._cost
        outcome = next(self._polls)
        if isinstance(outcome, Exception):
            raise outcome
        snapshot = snapshot_of("j", outcome, polled_at=datetime.now(UTC), terminal=POLICY.ends)
        return snapshot, self.hint

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds + self.oversleep
        self.oversleep = 0.0

    def watcher(self, **settings: Any) -> Watcher:
        chosen = {"timeout": None, "stall_after": None, "every_poll": False, **settings}
        clock = {"now": lambda: self.time, "sleep": self.sleep, "random": random.Random(0)}
        return Watcher("j", self.poll, POLICY, **chosen, **clock)


async def statuses(watcher: Watcher) -> list[str]:
    """Collect what a watch tells, to its end."""
    found = []
    while (snapshot := await watcher.step()) is not None:
        found.append(snapshot.status)
    return found


async def test_changes_are_told_and_the_end_is_the_last() -> None:
    """The first poll, each change and the end are reported, and nothing after the end."""
    world = World(map(document, ["queued", "queued", "running", "running", "completed"]))
    watcher = world.watcher()
    assert await statuses(watcher) == ["queued", "running", "completed"]
    assert await watcher.step() is None


async def test_it_polls_at_once_and_then_by_the_schedule() -> None:
    """The waits are 1, then 2 and 4 without a change, and 1 again after one."""
    world = World(map(document, ["queued", "queued", "queued", "running", "completed"]))
    await statuses(world.watcher())
    assert world.polled_at == [100, 101, 103, 107, 108]


async def test_progress_and_iterations_are_changes() -> None:
    """A snapshot is reported when an iteration's status or the progress differs, though the status is the same."""
    world = World(
        [
            document("running", progress={"completedPercentage": 1}),
            document("running", progress={"completedPercentage": 2}),
            document("running", progress={"completedPercentage": 2}, iterations=[{"status": "running"}]),
            document("running", progress={"completedPercentage": 2}, iterations=[{"status": "failed"}], other=1),
            document("running", progress={"completedPercentage": 2}, iterations=[{"status": "failed"}], other=2),
            document("completed"),
        ]
    )
    assert await statuses(world.watcher()) == ["running"] * 4 + ["completed"]


async def test_every_poll_is_told_on_request() -> None:
    """`every_poll` tells polls that changed nothing, too."""
    world = World(map(document, ["running", "running", "completed"]))
    assert await statuses(world.watcher(every_poll=True)) == ["running", "running", "completed"]


async def test_failed_polls_are_tried_again_by_the_schedule() -> None:
    """A failed poll is no end: it counts as a poll that changed nothing."""
    broken = APIConnectionError("gone")
    world = World([document("running"), broken, broken, document("completed")])
    assert await statuses(world.watcher()) == ["running", "completed"]
    assert world.polled_at == [100, 101, 103, 107]


async def test_a_hint_of_the_server_is_waited_out() -> None:
    """F08: while watching, a `Retry-After` longer than the wait replaces it."""
    busy = RateLimitError("slow down", status_code=429, retry_after=60.0)
    world = World([document("running"), busy, document("completed")])
    await statuses(world.watcher())
    assert world.polled_at == [100, 101, 161]


async def test_a_hint_on_a_good_poll_is_waited_out() -> None:
    """F08: a `Retry-After` on a good reply counts, too."""
    world = World(map(document, ["running", "running", "completed"]))
    world.hint = 30.0
    await statuses(world.watcher())
    assert world.polled_at == [100, 130, 160]


async def test_what_asking_again_cannot_help_ends_the_watch() -> None:
    """F11: a 404 ends the watch at once."""
    world = World([document("running"), NotFoundError("none", status_code=404)])
    with pytest.raises(NotFoundError):
        await statuses(world.watcher())
    assert world.polled_at == [100, 101]


async def test_the_deadline_ends_the_watch_with_the_last_snapshot() -> None:
    """When the time is up, the error says so and carries the last snapshot; no poll is made after it."""
    world = World([document("running")] * 9)
    with pytest.raises(WaitTimeoutError, match="running") as caught:
        await statuses(world.watcher(timeout=6.5))
    assert (caught.value.snapshot and caught.value.snapshot.status) == "running"
    assert world.polled_at == [100, 101, 103]
    assert world.time == 106.5


async def test_the_consumers_time_counts() -> None:
    """The deadline counts from the first step and goes on while the consumer is busy."""
    world = World([document("running")] * 9)
    watcher = world.watcher(timeout=10.0)
    await watcher.step()
    world.time += 11.0
    with pytest.raises(WaitTimeoutError):
        await watcher.step()
    assert world.polled_at == [100]


async def test_one_poll_is_always_made() -> None:
    """With no time at all, an ended job is still reported as ended."""
    assert await statuses(World([document("completed")]).watcher(timeout=0.0)) == ["completed"]


async def test_a_watch_before_any_good_poll_says_so() -> None:
    """A deadline without a good poll carries no snapshot and names the last error."""
    world = World([APIConnectionError("refused")] * 9)
    with pytest.raises(WaitTimeoutError, match=r"no poll succeeded.*refused") as caught:
        await statuses(world.watcher(timeout=5.0))
    assert caught.value.snapshot is None


async def test_a_job_without_a_change_stalls() -> None:
    """Good polls that change nothing do not keep a job from stalling."""
    world = World([document("running")] * 9)
    with pytest.raises(JobStalledError) as caught:
        await statuses(world.watcher(stall_after=10.0))
    assert world.time == 110.0
    assert (caught.value.last_error, caught.value.snapshot and caught.value.snapshot.status) == (None, "running")


async def test_a_change_keeps_a_job_from_stalling() -> None:
    """The stall counts from the last change."""
    world = World(map(document, ["a", "a", "a", "b", "b", "b", "completed"]))
    assert await statuses(world.watcher(stall_after=10.0)) == ["a", "b", "completed"]


async def test_a_stall_while_polls_fail_names_the_error() -> None:
    """A stall during failing polls carries the last error."""
    world = World([document("running")] + [APIConnectionError("refused")] * 9)
    with pytest.raises(JobStalledError) as caught:
        await statuses(world.watcher(stall_after=10.0))
    assert "refused" in str(caught.value.last_error)


async def test_unknown_statuses_are_warned_of_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """F13: an unknown status is no end; the 1st and the 10th poll that brings one are warned of."""
    world = World([document("re_scoring")] * 12 + [document("completed")])
    with caplog.at_level(logging.WARNING, "aiobench.watch"):
        assert await statuses(world.watcher()) == ["re_scoring", "completed"]
    assert [record.getMessage().split("seen ")[1].split(")")[0] for record in caplog.records] == ["1 times", "10 times"]


async def test_a_gap_is_followed_by_a_little_more_patience() -> None:
    """F24: after a suspended machine wakes up, a watch waits up to one interval more, so that not all come at once."""
    world = World(map(document, ["running", "completed"]))
    watcher = world.watcher()
    await watcher.step()
    world.oversleep = 3600.0
    await watcher.step()
    assert 3701.0 < world.polled_at[-1] <= 3702.0


async def test_a_poll_in_flight_is_cut_at_the_deadline() -> None:
    """No hang past the deadline: a poll that does not come back is left."""

    async def never() -> tuple[JobSnapshot, float | None]:
        await anyio.sleep_forever()
        raise AssertionError

    clock = {"now": anyio.current_time, "sleep": anyio.sleep, "random": random.Random(0)}
    watcher = Watcher("j", never, POLICY, timeout=0.05, stall_after=None, every_poll=False, **clock)
    with anyio.fail_after(5), pytest.raises(WaitTimeoutError):
        await watcher.step()
