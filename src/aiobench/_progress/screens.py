"""Where a progress line can appear: a terminal, a notebook, or a stream that claims to be a terminal.

Foreign streams may fail or block forever, so all of this is called from the thread of a `Drawing`.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import Any, ClassVar, Protocol

from attrs import define, frozen

from aiobench._progress.lines import Line

__all__ = ["Screen", "is_notebook", "screen_of"]

UNKNOWN_WIDTH = 80  # of a notebook, or a terminal of unknown width


class Screen(Protocol):
    """Shows one line.

    Attributes:
        is_shared: Whether several lines would overwrite one another.
    """

    is_shared: ClassVar[bool]

    def show(self, line: Line) -> None:
        """Replace what was shown."""

    def keep(self, line: Line) -> None:
        """Leave this as the last state."""


def is_notebook() -> bool:
    """Return whether this process is a notebook's kernel."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def screen_of(stream: Any) -> Screen | None:
    """Choose where a line appears; None if nowhere."""
    if is_notebook():
        return _Notebook()
    if stream is None or not stream.isatty():
        return None
    if isinstance(stream, io.TextIOWrapper) and os.isatty(stream.fileno()):
        return _Terminal(stream)
    return _Claimed(stream)


@frozen
class _Terminal:
    """A real terminal, where the line overwrites itself.

    This bypasses the stream, because a blocked terminal would hold the stream's lock while the interpreter exits.
    """

    is_shared: ClassVar[bool] = True
    stream: io.TextIOWrapper

    def show(self, line: Line) -> None:
        self._write(line, "\r")

    def keep(self, line: Line) -> None:
        self._write(line, "\n")

    def _write(self, line: Line, end: str) -> None:
        # the last column stays free, because some terminals wrap after it
        columns = (os.get_terminal_size(self.stream.fileno()).columns or UNKNOWN_WIDTH) - 1
        text = f"\r{line.padded(columns, self.stream.encoding)}{end}"
        if os.name == "nt":  # a Windows console takes text, not bytes
            self.stream.write(text)
            self.stream.flush()
            return
        rest = text.encode(self.stream.encoding, "replace")
        while rest:
            try:
                rest = rest[os.write(self.stream.fileno(), rest) :]
            except BlockingIOError:  # a parent process set it non-blocking
                select.select([], [self.stream.fileno()], [])


@frozen
class _Claimed:
    """A stream that claims to be a terminal, such as a window, proxy or logger. It gets only the last state."""

    is_shared: ClassVar[bool] = False
    stream: Any

    def show(self, line: Line) -> None: ...

    def keep(self, line: Line) -> None:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        self.stream.write(line.padded(UNKNOWN_WIDTH - 1, encoding).rstrip() + "\n")
        self.stream.flush()


@define
class _Notebook:
    """A notebook cell, with one display that is updated."""

    is_shared: ClassVar[bool] = False
    handle: Any = None

    def show(self, line: Line) -> None:
        self.keep(line)

    def keep(self, line: Line) -> None:
        from IPython.display import display

        data = {"text/plain": line.text(UNKNOWN_WIDTH)}
        if self.handle is None:
            self.handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(data, raw=True)
