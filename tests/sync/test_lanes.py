"""Iterations on the loop: one task and one context for all steps, and an end that is always cleaned up."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from typing import TYPE_CHECKING

import anyio
import pytest

from aiobench import sync
from aiobench.sync._bridge import Owner
from aiobench.sync._lanes import SyncIterator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

DEADLINE = 20.0


@pytest.fixture
def owner(loop_threads: Callable[[], list[threading.Thread]]) -> Iterator[Owner]:
    """Give a test a place on the loop, and check that nothing of it is left."""

    async def nothing() -> None: ...

    owner = Owner(nothing)
    yield owner
    owner.close()
    assert loop_threads() == []


class Probe:
    """A generator that tells what becomes of it, and whose clean-up takes a few rounds of the loop."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.is_cleaned = threading.Event()

    async def count(self, wait_at: int | None = None) -> AsyncGenerator[int, None]:
        """Count up; at *wait_at*, wait for ever."""
        self.log.append("began")
        number = 0
        try:
            while True:
                if number == wait_at:
                    self.log.append("waits")
                    await asyncio.Event().wait()
                yield number
                number += 1
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            self.log.append("cleaned")
            self.is_cleaned.set()


def test_break_closes_the_generator_at_once(owner: Owner) -> None:
    """Leaving a `for` loop early cleans up, without a garbage collection and without another call."""
    probe = Probe()
    gc.disable()
    try:
        for _ in SyncIterator(owner, probe.count()):
            break
        assert probe.is_cleaned.wait(DEADLINE)
    finally:
        gc.enable()


def test_with_waits_for_the_clean_up(owner: Owner) -> None:
    """After the `with` block the generator has been closed, and the iterator is at its end."""
    probe = Probe()
    with SyncIterator(owner, probe.count()) as numbers:
        assert next(numbers) == 0
    log = list(probe.log)

    assert log == ["began", "cleaned"]
    assert list(numbers) == []
    numbers.close()


def test_an_iterator_that_was_never_begun_runs_nothing(owner: Owner) -> None:
    """Closing or dropping an iterator before its first step does not start the generator."""
    probe = Probe()
    numbers = SyncIterator(owner, probe.count())
    numbers.close()
    SyncIterator(owner, probe.count()).__iter__()

    assert list(numbers) == []
    assert probe.log == []


def test_an_error_ends_the_iteration(owner: Owner) -> None:
    """What the generator raises is raised by `next()`; after it there is nothing more."""

    async def fail() -> AsyncGenerator[int, None]:
        yield 1
        raise ZeroDivisionError

    numbers = SyncIterator(owner, fail())
    assert next(numbers) == 1
    with pytest.raises(ZeroDivisionError):
        next(numbers)

    assert list(numbers) == []


def test_an_error_of_the_clean_up_is_raised_by_close(owner: Owner) -> None:
    """`close()` raises what the generator's clean-up raises."""

    async def fail() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            raise ZeroDivisionError

    numbers = SyncIterator(owner, fail())
    next(numbers)
    with pytest.raises(ZeroDivisionError):
        numbers.close()


def test_scopes_may_span_steps(owner: Owner) -> None:
    """Each step is done by the same task, so that a cancel scope and a task group may be open across a `yield`."""

    async def scoped() -> AsyncGenerator[int, None]:
        with anyio.fail_after(DEADLINE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.lowlevel.checkpoint)
                yield 1
                yield 2

    assert list(SyncIterator(owner, scoped())) == [1, 2]


def test_context_variables_reach_the_core_and_stay(owner: Owner) -> None:
    """A call sees the caller's variables; what a generator sets it keeps from step to step; the caller's stay."""
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("the caller's")

    async def get() -> str:
        value = variable.get()
        variable.set("a call's")
        return value

    async def remember() -> AsyncGenerator[str, None]:
        yield variable.get()
        variable.set("the generator's")
        yield variable.get()
        yield variable.get()

    assert owner.call(get) == "the caller's"
    assert list(SyncIterator(owner, remember())) == ["the caller's", "the generator's", "the generator's"]
    assert variable.get() == "the caller's"


def test_an_iterator_has_one_consumer(owner: Owner) -> None:
    """A second thread gets an error at once; the first goes on."""
    probe = Probe()
    numbers = SyncIterator(owner, probe.count(wait_at=1))
    next(numbers)
    outcome: list[BaseException] = []

    def consume() -> None:
        try:
            next(numbers)
        except sync.ClientClosedError as error:
            outcome.append(error)

    first = threading.Thread(target=consume)
    first.start()
    while "waits" not in probe.log:
        owner.call(_checkpoint)
    with pytest.raises(sync.ClientStateError, match="one consumer"):
        next(numbers)
    numbers.close()
    first.join(DEADLINE)

    assert len(outcome) == 1
    assert probe.log == ["began", "waits", "cleaned"]


async def _checkpoint() -> None:
    await asyncio.sleep(0)


def test_a_collection_on_the_loops_thread_does_not_wait_for_itself(owner: Owner) -> None:
    """An iterator that is collected by the background thread itself is closed all the same."""

    class Cycle:
        pass

    probe, cycle = Probe(), Cycle()
    cycle.itself, cycle.numbers = cycle, SyncIterator(owner, probe.count())  # type: ignore[attr-defined]
    next(cycle.numbers)  # type: ignore[attr-defined]

    async def collect() -> None:
        gc.collect()

    gc.disable()
    try:
        del cycle
        owner.call(collect)
        assert probe.is_cleaned.wait(DEADLINE)
    finally:
        gc.enable()


def test_what_ends_a_program_is_the_callers(owner: Owner) -> None:
    """`SystemExit` in the core is raised in the caller's thread, and the loop lives on."""

    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        owner.call(leave)

    assert caught.value.code == 3
    assert owner.call(_checkpoint) is None


def test_closing_the_client_closes_its_iterations(owner: Owner) -> None:
    """When the client is closed, every generator has been cleaned up before `close()` returns."""
    probes = [Probe() for _ in range(3)]
    iterators = [SyncIterator(owner, probe.count()) for probe in probes]
    for each in iterators:
        next(each)
    owner.close()

    assert [probe.log for probe in probes] == [["began", "cleaned"]] * 3
    for each in iterators:
        each.close()
