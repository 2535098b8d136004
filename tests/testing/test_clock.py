"""The clock that jumps: when it does, when it does not, and who is woken."""

from __future__ import annotations

import asyncio
import threading

import anyio
import anyio.to_thread
import pytest

from aiobench.testing._clock import VirtualClock
from aiobench.testing._loops import Observer, current_observer

pytestmark = pytest.mark.anyio


async def test_sleep_takes_its_time_on_the_clock() -> None:
    """A sleeper wakes when the clock shows the time it waited for, exactly."""
    clock = VirtualClock()

    await clock.sleep(3600.0)

    assert clock.now() == 3600.0


async def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    """The shortest wait ends first, and each at its own time."""
    clock = VirtualClock()
    woken: list[tuple[int, float]] = []

    async def sleeper(seconds: int) -> None:
        for _ in range(3):
            await clock.sleep(seconds)
            woken.append((seconds, clock.now()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper, 5)
        tasks.start_soon(sleeper, 2)

    assert woken == [(2, 2.0), (2, 4.0), (5, 5.0), (2, 6.0), (5, 10.0), (5, 15.0)]


async def test_move_on_after_cancels_at_its_time() -> None:
    """A block that waits for ever is cancelled when the time is up."""
    clock = VirtualClock()

    with clock.move_on_after(10.0) as scope:
        await anyio.sleep_forever()

    assert (scope.cancelled_caught, clock.now()) == (True, 10.0)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_move_on_after_nothing_cancels_at_once(seconds: float) -> None:
    """A limit that is over already cancels at the first wait."""
    clock = VirtualClock()

    with clock.move_on_after(seconds) as scope:
        await anyio.sleep_forever()

    assert (scope.cancelled_caught, clock.now()) == (True, 0.0)


async def test_clock_stands_still_while_something_else_is_waited_for() -> None:
    """A thread that a busy block waits for may take its time: no limit passes meanwhile."""
    clock = VirtualClock()
    began, go_on = threading.Event(), threading.Event()
    seen: list[float] = []

    def other() -> None:
        began.wait()
        seen.append(clock.now())
        go_on.set()

    def work() -> None:
        began.set()
        go_on.wait()

    thread = threading.Thread(target=other)
    thread.start()
    with clock.move_on_after(1.0) as scope, clock.busy():
        await anyio.to_thread.run_sync(work)
    thread.join()

    assert (seen, scope.cancelled_caught) == ([0.0], False)


async def test_tasks_that_have_something_to_do_go_first() -> None:
    """The clock does not jump before every task of the loop waits."""
    clock = VirtualClock()
    seen: list[float] = []

    async def worker() -> None:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
            seen.append(clock.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker)
        await clock.sleep(1.0)

    assert seen == [0.0] * 20


async def test_loop_that_never_rests_does_not_stop_the_clock() -> None:
    """A test that polls without waiting gets there, too."""
    clock = VirtualClock()
    is_over = anyio.Event()

    async def sleeper() -> None:
        await clock.sleep(1.0)
        is_over.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper)
        while not is_over.is_set():
            await anyio.lowlevel.checkpoint()

    assert clock.now() == 1.0


async def test_advance_ends_every_wait_of_that_length() -> None:
    """A clock that is moved wakes the sleepers it passes, late, and no others."""
    clock = VirtualClock()
    woken: list[float] = []

    async def sleeper() -> None:
        await clock.sleep(3.0)
        woken.append(clock.now())

    with clock.busy():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleeper)
            await anyio.wait_all_tasks_blocked()
            clock.advance(2.0)
            await anyio.wait_all_tasks_blocked()
            assert woken == []
            clock.advance(5.0)

    assert woken == [7.0]


async def test_two_clocks_on_one_loop_do_not_disturb_each_other() -> None:
    """Each clock has its own time, also where both wait on the same loop."""
    clocks = [VirtualClock(), VirtualClock()]

    async with anyio.create_task_group() as tasks:
        for number, clock in enumerate(clocks, 1):
            tasks.start_soon(clock.sleep, 10.0 * number)

    assert [clock.now() for clock in clocks] == [10.0, 20.0]


def test_loops_in_two_threads_share_a_clock() -> None:
    """Sleepers of two event loops wake in the order of their deadlines."""
    clock = VirtualClock()
    woken: list[tuple[str, float]] = []
    both = threading.Barrier(2)

    async def sleeper(name: str, seconds: float) -> None:
        with clock.busy():
            both.wait()
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    others = [
        threading.Thread(target=anyio.run, args=(sleeper, name, seconds), kwargs={"backend": backend})
        for name, seconds, backend in [("late", 20.0, "asyncio"), ("early", 10.0, "trio")]
    ]
    for other in others:
        other.start()
    for other in others:
        other.join()

    assert woken == [("early", 10.0), ("late", 20.0)]


def test_waits_that_a_loop_left_behind_are_forgotten() -> None:
    """A loop that was closed amid a wait does not stop the clock for the others."""
    clock = VirtualClock()

    async def observer() -> Observer:
        return current_observer()

    loop = asyncio.new_event_loop()
    gone = loop.run_until_complete(observer())
    loop.close()
    with clock._timer(1.0, lambda: None, gone):
        anyio.run(clock.sleep, 5.0, backend="asyncio")

    assert clock.now() == 5.0
