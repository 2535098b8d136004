"""Signals that end a command: Ctrl-C, SIGTERM and SIGHUP close what is open, whatever the command is waiting for."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING, NoReturn, TypeVar

import anyio

from aiobench.cli.groups import one_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import FrameType

__all__ = ["exit_on_signals", "pause", "run_interruptible"]

T = TypeVar("T")
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def run_interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Run *work* in an event loop; a signal cancels it, so that it closes what it has open.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
        SystemExit: With 128 + the signal's number, after another signal.
    """
    received: list[signal.Signals] = []
    results: list[T] = []

    async def main() -> None:
        ending = [each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN]  # as nohup does
        with anyio.open_signal_receiver(*ending) as signals:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_cancel_on_signal, signals, received, tasks.cancel_scope)
                results.append(await work())
                tasks.cancel_scope.cancel()

    with one_error():
        anyio.run(main)
    if not results:
        _end(received[0], None)
    return results[0]


async def _cancel_on_signal(
    signals: AsyncIterator[signal.Signals], received: list[signal.Signals], scope: anyio.CancelScope
) -> None:
    async for number in signals:
        received.append(number)
        scope.cancel()
        return


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
