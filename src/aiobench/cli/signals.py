"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP close what is open, whatever the command is waiting for.

On Windows it is Ctrl-Break as well, which is also how a console that is closed tells its programs.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar

import anyio

from aiobench.cli.groups import one_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import FrameType

__all__ = ["exit_on_signals", "pause", "run_interruptible"]

T = TypeVar("T")
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


def run_interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Run *work* in an event loop; a signal cancels it, so that it closes what it has open.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
        SystemExit: With 128 + the signal's number, after another signal.
    """
    received: list[int] = []
    results: list[T] = []

    async def main() -> None:
        with anyio.CancelScope() as scope, _cancelled_by_signals(scope, received):
            results.append(await work())

    with one_error():
        anyio.run(main)
    if not results:
        _end(received[0], None)
    return results[0]


@contextmanager
def _cancelled_by_signals(scope: anyio.CancelScope, received: list[int]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def take(number: int) -> None:
        received.append(number)
        scope.cancel()

    def pass_on(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(take, number)

    handlers = {each: signal.getsignal(each) or signal.SIG_DFL for each in ENDING}
    ending = [each for each, handler in handlers.items() if handler is not signal.SIG_IGN]  # as nohup does
    try:
        for each in ending:
            try:
                loop.add_signal_handler(each, take, each)
            except NotImplementedError:  # Windows, whose loops are woken by any signal that Python handles
                signal.signal(each, pass_on)
        yield
    finally:
        for each in ending:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(each)
            signal.signal(each, handlers[each])


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the command as Ctrl-C does, where nothing else has been arranged."""
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def pause() -> NoReturn:
    """Wait until the handler of a signal raises.

    The wait is for a byte that the signal itself sends. A lock would be waited for as well, but a signal that comes
    just before the wait begins, or that another thread takes in, does not wake it.
    """
    waiting, waking = socket.socketpair()
    with waiting, waking:
        waking.setblocking(False)  # noqa: FBT003 - as set_wakeup_fd demands
        previous = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        try:
            while True:
                waiting.recv(1)
        finally:
            signal.set_wakeup_fd(previous)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
