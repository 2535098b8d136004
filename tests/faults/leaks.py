"""What is left over: sockets, tasks and threads."""

from __future__ import annotations

import asyncio
import gc
import threading
import time

import anyio
import psutil
import sniffio

DEADLINE = 5.0
WORKERS = ("AnyIO worker thread", "Trio thread", "asyncio_")  # kept idle by the event loops, bounded, for reuse


def sockets_to(port: int) -> int:
    """Count this process's ends of connections to *port*."""
    return sum(1 for each in psutil.Process().net_connections("tcp") if each.raddr and each.raddr.port == port)


def tasks() -> int:
    """Count the tasks that live in this event loop."""
    if sniffio.current_async_library() == "trio":
        import trio

        return trio.lowlevel.current_statistics().tasks_living
    return len(asyncio.all_tasks())


def threads() -> int:
    """Count the threads, but for those that the event loops keep."""
    return sum(1 for each in threading.enumerate() if not each.name.startswith(WORKERS))


async def settle(count: object, expected: int) -> int:
    """Return what *count* returns, as soon as it is *expected* or the deadline has passed."""
    assert callable(count)
    deadline = time.monotonic() + DEADLINE
    while (found := int(count())) != expected and time.monotonic() < deadline:
        gc.collect()
        await anyio.sleep(0.01)  # closing a socket takes the loop a turn or two
    return found
