"""The event loop in a background thread that all blocking clients of a process share.

Three rules keep this safe: nothing waits for the loop while it holds the lock; a finalizer neither waits nor takes the
lock, for it may run in any thread at any line; and a forked child touches nothing of its parent's loop.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar, TypeVarTuple, Unpack

import anyio.lowlevel

from aiobench._tasks import keep_own_tasks
from aiobench.errors import ClientStateError
from aiobench.sync._steps import GRACE, Tenant, exiting

__all__ = ["Loop", "here"]

THREAD = "aiobench-sync"
T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class _Process:
    """What exists once per process: the loop, if a client is in use, and the lock for everything around it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: Loop | None = None
        self.inherited: list[Loop] = []  # kept: closing a parent's loop would disturb it

    def begun(self) -> Loop:
        """Return the loop, starting it if needed; the lock is held.

        An interrupt on the way leaves neither a thread nor a loop that only half exists.
        """
        if self.loop is None:
            loop = Loop()
            try:
                loop.start()
                self.loop = loop
            except BaseException:
                self.loop = None
                loop.discard()
                raise
        return self.loop

    def forget(self, tenant: Tenant) -> None:
        """Remove a tenant that has done nothing yet; the lock is held."""
        loop = self.loop
        if loop is not None:
            loop.tenants.discard(tenant)
            if not loop.tenants:
                loop.is_ending, self.loop = True, None
                loop.end()

    def after_fork_in_child(self) -> None:
        self.lock = threading.Lock()  # another thread may have held it
        if self.loop is not None:
            self.inherited.append(self.loop)
        self.loop = None

    def at_exit(self) -> None:
        """Let open clients clean up before the interpreter ends the thread."""
        with self.lock:
            exiting.set()
            loop, self.loop = self.loop, None
            if loop is None:
                return
            loop.is_ending = True
        loop.end()
        loop.thread.join(GRACE)


here = _Process()
atexit.register(here.at_exit)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=here.after_fork_in_child)


if sys.platform == "win32":
    _Kind = asyncio.ProactorEventLoop
else:
    _Kind = asyncio.SelectorEventLoop


class _EventLoop(_Kind):
    """An event loop that still resolves names when the main thread has ended.

    asyncio asks `concurrent.futures` for that, which refuses all work from then on, while the program's other threads
    go on. A thread of its own for each lookup has no such end; there is one for each connection.
    """

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Arguments]], T], *args: *Arguments
    ) -> asyncio.Future[T]:
        if executor is not None:
            return super().run_in_executor(executor, func, *args)
        done: Future[T] = Future()

        def work() -> None:
            try:
                value = func(*args)
            except BaseException as error:  # noqa: BLE001 - handed over
                done.set_exception(error)
            else:
                done.set_result(value)

        threading.Thread(target=work, name="aiobench-lookup", daemon=True).start()
        return asyncio.wrap_future(done, loop=self)


class Loop:
    """An event loop in a daemon thread. It is created in that thread, which no signal interrupts."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._gate = threading.Lock()  # and no Event: an interrupt in the middle of one can leave it locked for ever
        self._gate.acquire()
        self._is_discarded = False
        self._leaving: set[asyncio.Task[None]] = set()
        self.tenants: set[Tenant] = set()
        self.is_ending = False
        self.thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    def start(self) -> None:
        """Start the thread and wait until the loop runs.

        Raises:
            ClientStateError: If there can be no thread: the program is ending, or the system has no more of them.
        """
        try:
            self.thread.start()
        except RuntimeError as error:
            raise ClientStateError(f"blocking clients need a thread, and there can be none: {error}") from error
        self._gate.acquire()

    def discard(self) -> None:
        """Let the thread end, whether it is already running or not."""
        self.is_ending = self._is_discarded = True  # first this, then the loop: the thread looks the other way round
        if self._loop is not None:
            self.end()

    def _run(self) -> None:
        loop = _EventLoop()
        keep_own_tasks(loop)
        try:
            asyncio.set_event_loop(loop)
            self._end: asyncio.Future[None] = loop.create_future()
            self._loop = loop
            if not self._is_discarded:
                loop.run_until_complete(self._main())
            loop.run_until_complete(_cancel_all())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    async def _main(self) -> None:
        try:
            # What these import is not left for later: a fork while this thread imports something would hang the child.
            "".encode("idna")
            await anyio.lowlevel.checkpoint()
        finally:
            self._gate.release()
        await self._end
        for tenant in list(self.tenants):  # none, unless the interpreter is exiting
            await tenant.leave()

    @property
    def is_inherited(self) -> bool:
        """Whether it belongs to the parent process, whose thread does not exist here."""
        return self._process != os.getpid()

    def is_loop(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether *loop* is this loop."""
        return loop is self._loop

    def refuse_own_thread(self) -> None:
        """Refuse a call from the loop's own thread, which would wait for itself."""
        if threading.current_thread() is self.thread:
            raise ClientStateError(
                "a blocking call from aiobench's own event loop would wait for itself for ever: "
                "do not call aiobench.sync from a progress function or a transport"
            )

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call *function* on the loop, soon, in a copy of this thread's context; never waits.

        Raises:
            RuntimeError: If the loop is closed.
        """
        assert self._loop is not None  # it was started
        self._loop.call_soon_threadsafe(function, *args)

    def part(self, tenant: Tenant) -> bool:
        """Remove a tenant; return whether it was the last one, so that `end()` is due."""
        with here.lock:
            self.tenants.discard(tenant)
            if self.tenants or self.is_ending:
                return False
            self.is_ending = True
            if here.loop is self:
                here.loop = None
            return True

    def end(self) -> None:
        """Let the thread end, soon; never waits."""

        def end() -> None:
            if not self._end.done():
                self._end.set_result(None)

        try:
            self.post(end)
        except RuntimeError:  # it has ended
            return

    def abandon(self, tenant: Tenant) -> None:
        """Clean up after an `Owner` that was dropped. A finalizer: see the module's rules."""
        if self.is_inherited:
            return

        async def leave() -> None:
            try:
                await tenant.leave()
            finally:
                if self.part(tenant):
                    self.end()

        def start() -> None:
            task = asyncio.get_running_loop().create_task(leave())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

        try:
            self.post(start)
        except RuntimeError:  # closed: the interpreter is exiting
            return


async def _cancel_all() -> None:
    """Cancel the remaining tasks and wait for them."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
