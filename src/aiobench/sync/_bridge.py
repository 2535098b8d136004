"""The core on one event loop in a background thread, for callers that block.

A call is a `Step`: a coroutine function on its way through the loop, and the thread that waits for its outcome. A
client and all that came from it share an `Owner`, which takes a place on the loop (a `Tenant`) at the first call and
gives it back when it is closed or dropped; the last one out ends the thread.

Three rules keep this safe: nothing waits for the loop while it holds the lock; a finalizer neither waits nor takes the
lock, for it may run in any thread at any line; and a forked child touches nothing of its parent's loop.
"""

from __future__ import annotations

import asyncio
import atexit
import inspect
import os
import threading
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from importlib import import_module
from typing import Any, Generic, NoReturn, TypeVar

from aiobench._progress import is_notebook
from aiobench.errors import ClientClosedError, ClientStateError, ForkedClientError

__all__ = ["Owner", "Step", "Tenant", "default_owner"]

T = TypeVar("T")

GRACE = 5.0  # seconds that something cancelled may take to clean up before nobody waits for it any longer
THREAD = "aiobench-sync"


class _Process:
    """What there is once in a process: the loop, if any client is in use, and the lock for all that leads to it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: _Loop | None = None
        self.inherited: list[_Loop] = []  # kept: closing a parent's loop would disturb it
        self.is_exiting = False

    def after_fork_in_child(self) -> None:
        self.lock = threading.Lock()  # another thread may have held it
        if self.loop is not None:
            self.inherited.append(self.loop)
        self.loop = None

    def at_exit(self) -> None:
        """Let what is still open clean up, before the interpreter takes the thread away."""
        with self.lock:
            self.is_exiting = True
            loop, self.loop = self.loop, None
            if loop is None:
                return
            loop.is_ending = True
        loop.end()
        loop.thread.join(GRACE)


_here = _Process()
atexit.register(_here.at_exit)
os.register_at_fork(after_in_child=_here.after_fork_in_child)


class Step(Generic[T]):
    """A coroutine function on its way through the loop; it exists before its task, so it can always be cancelled."""

    __slots__ = ("_error", "_gate", "_make", "_task", "_value", "is_over", "is_posted")

    _value: T

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._gate = threading.Lock()  # and no Event: an interrupt amid the Python of one can leave it locked for ever
        self._gate.acquire()
        self.is_over: bool = False
        self._task: asyncio.Task[Any] | None = None
        self._error: BaseException | None = None
        self.is_posted: bool = False

    # -- on the loop -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the coroutine; whatever it raises, SystemExit and the like included, is the caller's, not the loop's."""
        if self.is_over:
            return
        self._task = asyncio.current_task()
        try:
            self._value = await self._make()
        except BaseException as error:  # noqa: BLE001 - handed over
            self.end(error)
        else:
            self.end(None)

    def end(self, error: BaseException | None) -> None:
        """Hand the outcome over, unless one was handed over before."""
        self._task = None
        if self.is_over or (_here.is_exiting and isinstance(error, asyncio.CancelledError)):
            return  # at exit, daemon threads alone still wait: they end with the process, without a word
        self._error = error
        self.is_over = True
        self._gate.release()

    def cancel(self) -> None:
        """Cancel it while it runs; before that, end it, so that it never will."""
        if self._task is not None:
            self._task.cancel()
        else:
            self.end(asyncio.CancelledError())

    # -- in the caller's thread --------------------------------------------------------------------------------

    def outcome(self) -> T:
        """Wait for the end, then return or raise what the coroutine did."""
        if not self.is_over:
            self._gate.acquire()
        error, self._error = self._error, None
        try:
            if isinstance(error, asyncio.CancelledError):  # not by this caller, who would no longer be here
                raise ClientClosedError("this client, or this iteration, was closed during the call")
            if error is not None:
                raise error
        finally:
            del error  # else it and this frame would hold each other
        return self._value

    def settle(self) -> None:
        """Wait until what was cancelled has cleaned up, within reason."""
        if not self.is_over:
            self._gate.acquire(timeout=GRACE)


class Tenant:
    """One client's place on the loop. It does not know its `Owner`, which must be free to be dropped."""

    def __init__(self, aclose: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._aclose = aclose
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, run: Coroutine[Any, Any, None], at_end: Callable[[], object]) -> None:
        """Start a task, on the loop; *at_end* is called also when it is cancelled before it began."""
        task = asyncio.get_running_loop().create_task(run)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            at_end()

        task.add_done_callback(ended)

    def start_step(self, step: Step[Any]) -> None:
        """Start a step as a task of its own, on the loop."""
        self.start(step.run(), lambda: step.end(asyncio.CancelledError()))

    async def leave(self) -> None:
        """End the client's tasks, then its connections."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        await self._aclose()


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        # Here rather than later in the new thread: a fork while that imports something would hang the child.
        for module in ("encodings.idna", "anyio._backends._asyncio"):
            import_module(module)
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._end: asyncio.Future[None] = self._loop.create_future()
        self._leaving: set[asyncio.Task[None]] = set()
        self.tenants: set[Tenant] = set()
        self.is_ending = False
        self.thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        await self._end
        for tenant in list(self.tenants):  # none, unless the interpreter is exiting
            await tenant.leave()

    @property
    def is_inherited(self) -> bool:
        """Whether it is the parent process's, whose thread is not here."""
        return self._process != os.getpid()

    def refuse_own_thread(self) -> None:
        """Refuse a call that would wait for itself."""
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
        self._loop.call_soon_threadsafe(function, *args)

    def part(self, tenant: Tenant) -> bool:
        """Take a tenant off the list; True when it was the last, so that `end()` is due."""
        with _here.lock:
            self.tenants.discard(tenant)
            if self.tenants or self.is_ending:
                return False
            self.is_ending = True
            if _here.loop is self:
                _here.loop = None
            return True

    def end(self) -> None:
        """Let the thread end, soon; never waits."""

        def end() -> None:
            if not self._end.done():
                self._end.set_result(None)

        self.post(end)

    def abandon(self, tenant: Tenant) -> None:
        """Clear up after an `Owner` that was dropped: a finalizer, so see the module's rules."""
        if self.is_inherited:
            return

        async def leave() -> None:
            try:
                await tenant.leave()
            finally:
                if self.part(tenant):
                    self.end()

        def start() -> None:
            task = self._loop.create_task(leave())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

        try:
            self.post(start)
        except RuntimeError:  # closed: the interpreter is exiting
            return


class Owner:
    """What a client and everything that came from it have in common: a place on the loop, from the first call on.

    Args:
        aclose: Closes the core client.
        is_default: Whether it belongs to the jobs that were built without a client, which a fork does not end.
    """

    _tenant: Tenant
    _finalizer: weakref.finalize[Any, Any]

    def __init__(self, aclose: Callable[[], Coroutine[Any, Any, None]], *, is_default: bool = False) -> None:
        self._aclose = aclose
        self._is_default = is_default
        self._is_closed = False
        self._loop: _Loop | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("this belongs to a client and cannot be pickled; pass an id instead")

    def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Await what *make* returns, on the loop and in a copy of this thread's context; return it here."""
        return self.do(Step(make), Tenant.start_step)

    def run(self, function: Callable[[], T]) -> T:
        """Call a plain function on the loop, where what it touches lives."""

        async def run() -> T:
            return function()

        return self.call(run)

    def read(self, function: Callable[[], T]) -> T:
        """Call a plain function on the loop; once that is closed nothing moves any more, and here will do."""
        try:
            return self.run(function)
        except ClientClosedError:
            return function()

    def do(self, step: Step[T], start: Callable[[Tenant, Step[T]], object]) -> T:
        """Start a step on the loop and wait for it; an interrupt cancels it, waits for its clean-up, and is raised."""
        _warn_in_a_running_loop()
        try:
            self._post(step, start)
            return step.outcome()
        finally:
            if step.is_posted and not step.is_over:
                self._interrupt(step)
            del step, start  # a traceback would keep them, and all that they refer to

    def drop(self, function: Callable[[], object]) -> None:
        """Call *function* on the loop, if there is one: for finalizers, so see the module's rules."""
        loop = self._loop
        if loop is None or loop.is_inherited:
            return
        try:
            loop.post(function)
        except RuntimeError:  # closed, and everything on it with it
            return

    def close(self) -> None:
        """End what is under way, the connections, and with its last client the thread; closing twice is fine."""
        with _here.lock:
            loop = self._loop
            if loop is not None and not loop.is_inherited:
                loop.refuse_own_thread()
            was_closed, self._is_closed = self._is_closed, True
            if was_closed or loop is None or loop.is_inherited or loop.is_ending:
                return
            self._finalizer.detach()
            step = Step(self._tenant.leave)
            loop.post(self._tenant.start_step, step)
        try:
            _warn_in_a_running_loop()
            step.outcome()
        finally:
            if loop.part(self._tenant):
                loop.end()
                loop.thread.join(GRACE)

    def _post(self, step: Step[T], start: Callable[[Tenant, Step[T]], object]) -> None:
        """Post a step, under the lock: what closes comes either before it, or after it and ends it."""
        with _here.lock:
            if self._is_closed:
                raise ClientClosedError("this client is closed; make a new one")
            loop = self._loop
            if loop is None or (self._is_default and (loop.is_inherited or loop.is_ending)):
                loop = self._take_a_place()
            if loop.is_inherited:
                raise ForkedClientError("this client was used before os.fork(); make a new one in the child process")
            if loop.is_ending:
                raise ClientClosedError("this client was closed, for the interpreter is exiting")
            loop.refuse_own_thread()
            step.is_posted = True
            loop.post(start, self._tenant, step)

    def _take_a_place(self) -> _Loop:
        if _here.is_exiting:
            raise ClientClosedError("the interpreter is exiting: no client can be used any more")
        if _here.loop is None:
            _here.loop = _Loop()
        loop = _here.loop
        self._tenant = Tenant(self._aclose)
        self._finalizer = weakref.finalize(self, loop.abandon, self._tenant)
        self._finalizer.atexit = False
        loop.tenants.add(self._tenant)
        self._loop = loop
        return loop

    def _interrupt(self, step: Step[Any]) -> None:
        assert self._loop is not None  # the step was posted
        try:
            self._loop.post(step.cancel)
        except RuntimeError:  # closed meanwhile, and the step with it
            return
        step.settle()  # a second interrupt ends this


async def _nothing_to_close() -> None: ...  # the core's default client keeps no connection


_default = Owner(_nothing_to_close, is_default=True)


def default_owner() -> Owner:
    """Return the owner of the jobs that were built without a client."""
    return _default


def _warn_in_a_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if is_notebook():  # its loop waits for the cell anyway
        return
    if threading.current_thread().name == THREAD:  # refused anyway
        return
    here, frame, level = os.path.dirname(__file__), inspect.currentframe(), 1  # noqa: PTH120 - as frames have it
    while frame is not None and os.path.dirname(frame.f_code.co_filename) == here:  # noqa: PTH120
        frame, level = frame.f_back, level + 1
    warnings.warn(
        "a blocking call of aiobench.sync stops this thread's event loop; use `await` and aiobench here",
        RuntimeWarning,
        stacklevel=level,
    )
