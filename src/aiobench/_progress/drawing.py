"""Draws lines in a thread, so that nothing waits for a screen or fails with it."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from typing import Any

import anyio

from aiobench._progress.lines import Line
from aiobench._progress.screens import Screen, screen_of

__all__ = ["Drawing"]

INTERVAL = 0.1  # seconds between two drawn states
PATIENCE = 0.5  # seconds that the last state may take

_drawings: list[Drawing] = []  # the first has the terminal's line; the others wait for it


class Drawing:
    """One line on its way to a screen. Draws the newest state, at most ten times a second.

    Args:
        stream: The stream to use outside a notebook: `sys.stderr`.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._line: Line | None = None
        self._news, self._end = threading.Event(), threading.Event()
        # a notebook finds the cell of an output through the context
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name="aiobench-progress", daemon=True)
        with contextlib.suppress(RuntimeError):  # too many threads, or the interpreter is exiting
            self._thread.start()

    def put(self, line: Line) -> None:
        """Set a new state, to be drawn soon."""
        self._line = line
        self._news.set()

    def end(self) -> None:
        """Draw the last state without waiting for it."""
        self._end.set()
        self._news.set()

    async def finish(self) -> None:
        """Wait a moment for the last state to be drawn, so that later output comes after it."""
        self.end()
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:  # noqa: ASYNC110 - a thread sets no event of a loop's
            await anyio.sleep(0.001)

    def _run(self) -> None:
        _drawings.append(self)
        try:
            # a foreign stream may raise anything, which must not fail what is shown
            with contextlib.suppress(Exception):
                screen = screen_of(self._stream)
                if screen is not None:
                    self._draw(screen)
        finally:
            _drawings.remove(self)

    def _draw(self, screen: Screen) -> None:
        while True:
            self._news.wait()
            if self._end.is_set():
                break
            self._news.clear()
            if self._line is not None and (_drawings[0] is self or not screen.is_shared):
                screen.show(self._line)
            if self._end.wait(INTERVAL):
                break
        if self._line is not None:
            screen.keep(self._line)
