"""Signals end a command wherever it is waiting."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import anyio
import pytest

from aiobench.cli.signals import run_interruptible

# A signal that another thread takes in, or that comes between the last look at signals and the wait, does not
# interrupt the wait itself: only the byte that it sends does.
ELSEWHERE = """
import signal, threading
from pathlib import Path
from aiobench.cli.signals import exit_on_signals, pause

def raise_it():
    main = Path(f"/proc/self/task/{threading.main_thread().native_id}/stat")
    while main.read_text("utf-8").rpartition(")")[2].split()[0] != "S":  # until the main thread waits
        pass
    signal.pthread_kill(threading.get_ident(), signal.NUMBER)

exit_on_signals()
threading.Thread(target=raise_it, daemon=True).start()
pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the state of a thread from /proc")
@pytest.mark.posix
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_that_another_thread_takes_in_ends_the_pause(name: str, status: int) -> None:
    """`serve` ends on a signal whichever thread takes it in, and at whatever moment."""
    done = subprocess.run([sys.executable, "-c", ELSEWHERE.replace("NUMBER", name)], timeout=30, check=False)

    assert done.returncode == status


@pytest.mark.parametrize("has_handlers", [True, False])
@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_cancels_the_work(
    number: signal.Signals, error: type[BaseException], has_handlers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open is closed, also where loops take no handlers (Windows); afterwards signals are handled as before."""
    if not has_handlers:
        for name in ("add_signal_handler", "remove_signal_handler"):
            monkeypatch.setattr(asyncio.SelectorEventLoop, name, getattr(asyncio.AbstractEventLoop, name))
    closed: list[str] = []
    passed_by: list[int] = []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            await anyio.sleep(20)
        finally:
            closed.append("closed")

    def ours(taken: int, _frame: object) -> None:
        passed_by.append(taken)

    before = signal.signal(number, ours)
    try:
        with pytest.raises(error) as caught:
            run_interruptible(work)
        assert signal.getsignal(number) is ours
    finally:
        signal.signal(number, before)
    assert (closed, passed_by) == (["closed"], [])
    if error is SystemExit:
        assert caught.value.args == (128 + number,)
