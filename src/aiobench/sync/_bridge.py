"""The core on one event loop in a background thread, for callers that block.

A client and all that came from it share an `Owner`, which takes a place on the loop (a `Tenant`) at the first call and
gives it back when it is closed or dropped; the last one out ends the thread. The rules are in `_loop.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from aiobench._progress.screens import is_notebook
from aiobench.errors import ClientClosedError, ForkedClientError
from aiobench.sync._loop import Loop, here
from aiobench.sync._steps import GRACE, Step, Tenant, exiting

__all__ = ["Owner", "default_owner"]

T = TypeVar("T")


class Owner:
    """What a client shares with everything that came from it: a place on the loop, from the first call on.

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
        self._loop: Loop | None = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("this belongs to a client and cannot be pickled; pass an id instead")

    def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """Await what *make* returns, on the loop in a copy of this thread's context, and return the result."""
        return self.do(Step(make), Tenant.start_step)

    def run(self, function: Callable[[], T]) -> T:
        """Call a plain function on the loop, where its data live."""

        async def run() -> T:
            return function()

        return self.call(run)

    def read(self, function: Callable[[], T]) -> T:
        """Call a plain function on the loop; or directly once the loop is closed, when nothing changes any more."""
        try:
            return self.run(function)
        except ClientClosedError:
            return function()

    def do(self, step: Step[T], start: Callable[[Tenant, Step[T]], object]) -> T:
        """Start a step on the loop and wait for it. An interrupt cancels it and is raised after its cleanup."""
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
        """End calls in flight, the connections, and with the last client the thread. Closing twice is fine."""
        with here.lock:
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
        """Post a step under the lock, so that closing comes either before it, or after it and ends it."""
        with here.lock:
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

    def _take_a_place(self) -> Loop:
        if exiting.is_set():
            raise ClientClosedError("the interpreter is exiting: no client can be used any more")
        tenant = Tenant(self._aclose)
        finalizer: weakref.finalize[Any, Any] | None = None
        try:
            loop = here.begun()
            loop.tenants.add(tenant)
            finalizer = weakref.finalize(self, loop.abandon, tenant)
            finalizer.atexit = False
            self._tenant, self._finalizer, self._loop = tenant, finalizer, loop
        except BaseException:  # interrupted: the next call begins anew
            self._loop = None
            if finalizer is not None:
                finalizer.detach()
            here.forget(tenant)
            raise
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
        running = asyncio.get_running_loop()
    except RuntimeError:
        return
    loop = here.loop
    if loop is not None and loop.is_loop(running):  # refused in its own thread; seen from elsewhere, gevent is at work
        return
    if is_notebook():  # its loop waits for the cell anyway
        return
    package, frame, level = os.path.dirname(__file__), inspect.currentframe(), 1  # noqa: PTH120 - as frames have it
    while frame is not None and os.path.dirname(frame.f_code.co_filename) == package:  # noqa: PTH120
        frame, level = frame.f_back, level + 1
    warnings.warn(
        "a blocking call of aiobench.sync stops this thread's event loop; use `await` and aiobench here",
        RuntimeWarning,
        stacklevel=level,
    )
