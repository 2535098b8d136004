"""The background tasks of an entered monitor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NoReturn

import anyio

from aiobench.errors import ClientStateError

if TYPE_CHECKING:
    import anyio.abc  # noqa: TC004 - anyio imports it itself when it is first used

__all__ = ["Background"]


class Background:
    """Runs tasks from `start()` to `leave()`, which one task calls; `stop()` may come from any.

    Args:
        on_end: Called when the tasks have stopped, for whatever reason.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._tasks: anyio.abc.TaskGroup | None = None
        self._scope: anyio.CancelScope | None = None  # made on entering: it belongs to an event loop
        self._stopped = anyio.Event()
        self._entered_by = 0
        self.failure: Exception | None = None

    @property
    def is_entered(self) -> bool:
        return self._tasks is not None

    async def start(self, *work: Callable[[], Awaitable[None]]) -> None:
        """Start the tasks; each runs until it is stopped, or fails."""
        self._entered_by = anyio.get_current_task().id
        self._scope = anyio.CancelScope()
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._tasks.start_soon(self._run, self._scope, work)

    def stop(self) -> None:
        """Cancel the tasks."""
        if self._scope is not None:
            self._scope.cancel()

    async def stopped(self) -> None:
        """Wait until the tasks have stopped."""
        if self._tasks is not None:
            await self._stopped.wait()

    async def leave(self, error: BaseException | None) -> None:
        """Stop the tasks and wait for them.

        Args:
            error: What the block that they ran beside has raised.

        Raises:
            ClientStateError: If another task entered.
        """
        tasks = self._tasks
        assert tasks is not None
        self.stop()
        if anyio.get_current_task().id != self._entered_by:
            await self._stopped.wait()
            raise ClientStateError(
                "a monitor is left by the task that entered it: put `async with` into one task, and let others call "
                "its aclose(), or drain()"
            )
        if not isinstance(error, anyio.get_cancelled_exc_class()):
            error = None  # what the block itself raised is not the task group's to wrap
        try:
            await tasks.__aexit__(type(error) if error else None, error, error.__traceback__ if error else None)
        except BaseExceptionGroup as group:  # what no task catches: Ctrl-C
            _raise_first(group)
        finally:
            self._tasks = self.failure = None  # they hold what refers to this

    async def _run(self, scope: anyio.CancelScope, work: tuple[Callable[[], Awaitable[None]], ...]) -> None:
        """Run the tasks in their own scope, so that stopping them does not cancel the user's task."""
        try:
            with scope:
                async with anyio.create_task_group() as tasks:
                    for each in work:
                        tasks.start_soon(self._until_failure, each)
        finally:
            self._stopped.set()
            self._on_end()

    async def _until_failure(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - kept for the consumer, as it is
            self.failure = self.failure or error
            self.stop()


def _raise_first(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    try:
        raise error from None
    finally:
        del error, group  # else they and this frame would hold each other
