"""Processes that run calls: each may die, hang or be called off at no cost to the others."""

from __future__ import annotations

import operator
import os
import signal
import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import psutil
import pytest

from aiobench.local.engine.pool import DiedError, LateError, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 60.0


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Open a pool of two processes, and see that nothing is left of it."""
    pool = Pool(2)
    yield pool
    pool.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("aiobench-local-process")]
    assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_calls_run_in_a_few_processes(pool: Pool) -> None:
    """As many as were asked for, again and again; none is this one."""
    calls = [pool.submit(operator.mul, number, 2, limit=LIMIT) for number in range(200)]
    ids = [pool.submit(os.getpid, limit=LIMIT) for _ in range(50)]

    assert [call.result(LIMIT) for call in calls] == [2 * number for number in range(200)]
    found = {each.result(LIMIT) for each in ids}
    assert len(found) <= 2
    assert os.getpid() not in found


def test_a_process_that_dies_at_once_loses_its_call_alone(pool: Pool) -> None:
    """Whenever it dies: its call says with what, and each call around it is answered."""
    calls = [pool.submit(os._exit if number % 3 == 0 else abs, number, limit=LIMIT) for number in range(24)]

    for number, call in enumerate(calls):
        if number % 3:
            assert call.result(LIMIT) == number
        else:
            with pytest.raises(DiedError) as caught:
                call.result(LIMIT)
            assert caught.value.exit_code == number


@pytest.mark.posix
@pytest.mark.parametrize("is_reaped", [False, True])
def test_a_process_that_is_killed_while_it_waits_is_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, *, is_reaped: bool
) -> None:
    """What it would have run next says so, or runs in the next; also where the program itself was told of the end."""
    monkeypatch.setattr("aiobench.local.engine.pool.GRACE", 0.2)
    victim = pool.submit(os.getpid, limit=LIMIT).result(LIMIT)
    os.kill(victim, signal.SIGKILL)
    if is_reaped:
        os.waitpid(victim, 0)

    calls = [pool.submit(abs, number, limit=LIMIT) for number in range(4)]

    errors = [error for call in calls if (error := call.exception(LIMIT)) is not None]
    assert len(errors) <= 1
    assert all(isinstance(error, DiedError) for error in errors)
    assert pool.submit(os.getpid, limit=LIMIT).result(LIMIT) != victim


def test_a_call_that_takes_too_long_is_ended(pool: Pool) -> None:
    """Its process is killed, and calls that wait for it run in another; the start of a process does not count."""
    late = [pool.submit(time.sleep, 60, limit=0.05) for _ in range(2)]
    quick = [pool.submit(abs, -number, limit=LIMIT) for number in range(4)]

    for call in late:
        with pytest.raises(LateError):
            call.result(LIMIT)
    assert [call.result(LIMIT) for call in quick] == [0, 1, 2, 3]


def test_a_canceled_call_does_not_hold_a_process(pool: Pool) -> None:
    """One that waits never runs; one that runs ends with its process."""
    busy = [pool.submit(time.sleep, 60, limit=LIMIT) for _ in range(2)]
    waiting = pool.submit(time.sleep, 60, limit=LIMIT)
    while not all(call.running() for call in busy):
        time.sleep(0.01)

    assert waiting.cancel()
    assert not busy[0].cancel()

    with pytest.raises(DiedError):
        busy[0].result(LIMIT)
    assert pool.submit(abs, -1, limit=LIMIT).result(LIMIT) == 1
    assert waiting.cancelled()
    assert not busy[1].done()


def test_closing_ends_what_runs_and_cancels_what_waits() -> None:
    """At once, and what comes afterwards is canceled."""
    pool = Pool(1)
    busy = pool.submit(time.sleep, 60, limit=LIMIT)
    waiting = pool.submit(time.sleep, 60, limit=LIMIT)
    while not busy.running():
        time.sleep(0.01)

    pool.close()

    assert isinstance(busy.exception(0), DiedError)
    assert waiting.cancelled()
    with pytest.raises(CancelledError):
        pool.submit(abs, 1, limit=LIMIT).result(0)


def test_an_error_is_told_with_its_place(pool: Pool) -> None:
    """Also one that cannot be sent; the process goes on."""
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero") as caught:
        pool.submit(operator.truediv, 1, 0, limit=LIMIT).result(LIMIT)

    assert "Traceback" in "".join(caught.value.__notes__)
    assert pool.submit(abs, -1, limit=LIMIT).result(LIMIT) == 1


def test_what_cannot_be_sent_is_refused(pool: Pool) -> None:
    """Where it is submitted."""
    with pytest.raises(TypeError, match="pickle"):
        pool.submit(print, threading.Lock(), limit=LIMIT)


@pytest.mark.posix
@pytest.mark.parametrize(
    ("what", "exit_code"),
    [
        ("import os, time; os.closerange(3, 256); time.sleep(60)", -signal.SIGKILL),
        ("import os, time\nif os.fork(): os._exit(3)\ntime.sleep(5)\nos._exit(0)", 3),
    ],
)
def test_the_end_of_the_pipe_is_not_believed_alone(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, what: str, exit_code: int
) -> None:
    """A process that has closed it and goes on is ended; one that has ended is missed though a child holds it open."""
    monkeypatch.setattr("aiobench.local.engine.pool.GRACE", 0.2)

    call = pool.submit(exec, what, limit=LIMIT)

    with pytest.raises(DiedError) as caught:
        call.result(LIMIT)
    assert caught.value.exit_code == exit_code
    assert pool.submit(abs, -1, limit=LIMIT).result(LIMIT) == 1


def test_ctrl_c_is_not_for_the_processes(pool: Pool) -> None:
    """A terminal sends it to all of them; who started the pool decides."""
    assert pool.submit(signal.getsignal, signal.SIGINT, limit=LIMIT).result(LIMIT) == signal.SIG_IGN
