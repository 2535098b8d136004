"""Signals end a command wherever it is waiting."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# A signal that another thread takes in, or that comes between the last look at signals and the wait, does not
# interrupt the wait itself: only the byte that it sends does.
ELSEWHERE = """
import signal, threading
from pathlib import Path
from aiobench.cli.signals import exit_on_signals, pause

def raise_it():
    main = Path(f"/proc/self/task/{threading.main_thread().native_id}/stat")
    while main.read_text().rpartition(")")[2].split()[0] != "S":  # until the main thread waits
        pass
    signal.pthread_kill(threading.get_ident(), signal.NUMBER)

exit_on_signals()
threading.Thread(target=raise_it, daemon=True).start()
pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the state of a thread from /proc")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_another_thread_takes_in_ends_the_pause(number: signal.Signals, status: int) -> None:
    """`serve` ends on a signal whichever thread takes it in, and at whatever moment."""
    done = subprocess.run([sys.executable, "-c", ELSEWHERE.replace("NUMBER", number.name)], timeout=30, check=False)

    assert done.returncode == status
