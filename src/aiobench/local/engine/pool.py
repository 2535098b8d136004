"""Processes that run calls, each of which may die or hang at no cost to the others.

A call belongs to one process from the moment it is sent, so the process that dies says by its end which call is lost.
Where the processes of a pool share a queue, only a message says who took what; a process that dies before it is read
leaves a call behind that never ends, or a pool that is taken for broken. pebble is such a pool.
"""

from __future__ import annotations

import math
import multiprocessing
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

__all__ = ["Call", "DiedError", "LateError", "Pool"]

# Not fork: this process has threads. Of any type: what a context offers depends on the system.
SPAWN: Any = multiprocessing.get_context("spawn")

LOOK = 1.0  # seconds between two looks whether a process that says nothing is alive
GRACE = 1.0  # seconds for a process that has closed its pipe, or was killed, to end

# `multiprocessing` reaps all children whenever it starts one: another thread that reaps meanwhile gets no exit code.
_family = threading.Lock()


class DiedError(Exception):
    """Raised when a process ended before its call.

    Attributes:
        exit_code: With what; None: that is not known.
    """

    def __init__(self, exit_code: int | None) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class LateError(Exception):
    """Raised when a call took too long."""


class Call(Future[Any]):
    """A call in another process, and its result.

    Args:
        function: What to call. It can be pickled, and so can its arguments and its result.
        arguments: With what.
        limit: Seconds it may take. After them, its process is killed and the result is a `LateError`.
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], limit: float) -> None:
        super().__init__()
        self._message = pickle.dumps((function, arguments))
        self._limit = limit
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._is_called_off = False

    def cancel(self) -> bool:
        """Cancel it. A call that runs already ends with its process, which is killed."""
        with self._lock:
            self._is_called_off = True
            if self._process is not None:
                self._process.kill()
        return super().cancel()

    def run(self, process: _Process) -> None:
        """Run it there."""
        with self._lock:
            self._process = process
            if self._is_called_off:
                process.kill()
        try:
            result, error = process.answer(self._message, self._limit)
        except Exception as failure:  # noqa: BLE001 - the process died, or took too long, or its answer cannot be read
            result, error = None, failure
        finally:
            with self._lock:  # from now on, the process may run another's call
                self._process = None
        if error is None:
            self.set_result(result)
        else:
            self.set_exception(error)


class Pool:
    """Runs calls, as many at once as there are processes.

    Args:
        count: How many. They are started when there is something to do.
    """

    def __init__(self, count: int) -> None:
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._calls: set[Call] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"aiobench-local-process-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Any], *arguments: Any, limit: float) -> Call:
        """Put a call in line. In a closed pool it is canceled."""
        call = Call(function, arguments, limit)
        with self._lock:
            if self._is_closed:
                call.cancel()
                return call
            self._calls.add(call)
            self._waiting.put(call)
        call.add_done_callback(self._forget)
        return call

    def close(self) -> None:
        """Cancel all calls, and end the processes."""
        with self._lock:
            self._is_closed = True
            calls = list(self._calls)
        for call in calls:
            call.cancel()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _forget(self, call: Any) -> None:
        with self._lock:
            self._calls.discard(call)

    def _work(self) -> None:
        process = None
        while (call := self._waiting.get()) is not None:
            if not call.set_running_or_notify_cancel():
                continue
            try:
                if process is None:
                    process = _Process()
            except Exception as error:  # noqa: BLE001 - no memory, say, or a script that is still being imported
                call.set_exception(error)
                continue
            call.run(process)
            if not process.is_usable:
                process.end()
                process = None
        if process is not None:
            process.end()


class _Process:
    """A process that waits for calls."""

    def __init__(self) -> None:
        self._connection, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(theirs,), daemon=True)
        self._is_ready = False
        self.is_usable: bool = True
        try:
            with _family:
                self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()  # so that the pipe ends with the process

    def answer(self, message: bytes, limit: float) -> tuple[Any, Exception | None]:
        """Send a call and return its result or its error.

        Raises:
            DiedError: If the process ends before.
            LateError: If it takes too long. It is killed.
        """
        try:
            if not self._is_ready:  # its start takes a second, and does not count
                self._receive(math.inf)
                self._is_ready = True
            self._connection.send_bytes(message)
            answer: tuple[Any, Exception | None] = self._receive(limit)
        except LateError:
            self.kill()
            raise
        except (EOFError, OSError):
            self.is_usable = False
            raise DiedError(self._exit_code()) from None
        return answer

    def kill(self) -> None:
        """End it, whatever it does."""
        self.is_usable = False
        self._process.kill()

    def end(self) -> None:
        """End it, and forget it."""
        self.kill()
        self._exit_code()
        self._connection.close()

    def _receive(self, limit: float) -> Any:
        ends = time.monotonic() + limit
        while not wait([self._connection, self._process.sentinel], max(0.0, min(LOOK, ends - time.monotonic()))):
            if time.monotonic() >= ends:
                raise LateError
            if not self._is_alive():  # a child that it has forked holds the other end of the pipe
                break
        if not self._connection.poll():  # it ended, and has sent nothing before
            raise EOFError
        return self._connection.recv()

    def _is_alive(self) -> bool:
        with _family:
            alive: bool = self._process.is_alive()
        return alive

    def _exit_code(self) -> int | None:
        """Wait until it has ended. None: another part of the program was told how."""
        if not self._ends_soon():  # it has closed its pipe, and goes on
            self._process.kill()
            self._ends_soon()
        with _family:
            code: int | None = self._process.exitcode
        return code

    def _ends_soon(self) -> bool:
        ends = time.monotonic() + GRACE
        while self._is_alive():  # `join()` waits for the end of a pipe, too
            if time.monotonic() >= ends:
                return False
            time.sleep(0.001)
        return True


def _serve(connection: Connection) -> None:
    """Answer calls until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to all; whoever started this one ends it
    with suppress(EOFError, OSError):
        connection.send(None)
        while True:
            connection.send(_answer(connection.recv_bytes()))


def _answer(message: bytes) -> tuple[Any, Exception | None]:
    try:
        function, arguments = pickle.loads(message)  # noqa: S301 - from the process that started this one
        return function(*arguments), None
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        told = RuntimeError(f"{type(error).__name__}: {error}")  # not every error survives being sent
        told.add_note(traceback.format_exc())
        return None, told
