"""Where a client may be used: in one event loop and one process, until it is closed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import ref

import anyio

from aiobench._errors import ClientClosedError, ForkedClientError, WrongEventLoopError

if TYPE_CHECKING:
    import anyio.lowlevel  # noqa: TC004 - anyio imports it itself when it is first used

__all__ = ["Guard"]


class Guard:
    """Remembers the loop and process of the first use and refuses all others.

    It does not keep the loop alive: that of `asyncio.run()` is to go when it is over.
    """

    def __init__(self) -> None:
        self.is_closed = False
        self._loop: ref[object] | None = None  # weak: a client must not keep a loop alive that is over (F40)
        self._process: int | None = None

    @property
    def is_forked(self) -> bool:
        return self._process is not None and self._process != os.getpid()

    @property
    def is_used(self) -> bool:
        return self._process is not None

    @property
    def is_abandoned(self) -> bool:
        """Whether the client's loop has ended or belongs to the parent process."""
        return self.is_forked or (self._loop is not None and _is_over(self._loop()))

    def check(self) -> None:
        """Raise if the client cannot be used here and now.

        Raises:
            ClientClosedError: After the client was closed.
            ForkedClientError: In a child process of the one that used the client.
            WrongEventLoopError: In another event loop than the first.
        """
        if self.is_closed:
            raise ClientClosedError("this client is closed; make a new one")
        if self.is_forked:  # before the loop is looked for: a child forked within one has none that runs
            raise ForkedClientError("this client was used before os.fork(); make a new one in the child process")
        loop = anyio.lowlevel.current_token().native_token
        if self._loop is None:
            self._process, self._loop = os.getpid(), ref(loop)
        elif self._loop() is not loop:
            raise WrongEventLoopError(
                "this client belongs to another event loop: its connections cannot move; "
                "make a client in each asyncio.run(), or use aiobench.sync"
            )


def _is_over(loop: object) -> bool:
    if loop is None:
        return True
    if (is_closed := getattr(loop, "is_closed", None)) is not None:  # asyncio's
        return bool(is_closed())
    try:
        loop.run_sync_soon(lambda: None)  # type: ignore[attr-defined]  # trio's token
    except RuntimeError:  # RunFinishedError
        return True
    return False
