"""What the tests of the command line stand on: real processes, each in a folder of its own, and a small terminal."""

from __future__ import annotations

import os
import re
import signal
import struct
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from attrs import define, field, frozen

if sys.platform != "win32":
    import fcntl
    import pty
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMAND = (sys.executable, "-m", "aiobench")
DEADLINE = 60.0


@pytest.fixture(autouse=True, scope="session")
def _hang_ups_end_commands() -> Iterator[None]:
    """Undo what `nohup` does to the tests: commands would inherit it, and not end."""
    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@frozen
class Folder:
    """A working directory and a folder for temporary files, so that what a command leaves behind can be seen."""

    root: Path

    @property
    def work(self) -> Path:
        """Where commands run."""
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        """Where they keep what goes away again."""
        return self.root / "tmp"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the tests' environment without what says how terminals look."""
        unset = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "GITHUB_ACTIONS"}
        unset |= {"BACKEND_URL", "TEAM_API_KEY", "AIXPLAIN_API_KEY"}
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        return kept | {"TMPDIR": str(self.temporary)} | more

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, its input and output in pipes."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.work,
            env=self.environment(**environment),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=DEADLINE,
            check=False,
        )

    @contextmanager
    def started(self, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command, its output in pipes; kill it if the test leaves it running."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.work,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


def made_folder(root: Path) -> Folder:
    """Make the two folders below *root*."""
    folder = Folder(root)
    folder.work.mkdir()
    folder.temporary.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Give the test folders of its own."""
    return made_folder(tmp_path)


@frozen
class Demo:
    """A demo that has run."""

    folder: Folder
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Share one run of the demo, its output in pipes."""
    folder = made_folder(tmp_path_factory.mktemp("demo"))
    return Demo(folder, folder.run("demo", "-o", "made/results.csv"))


def read_until(process: subprocess.Popen[str], mark: str) -> list[str]:
    """Read lines of a command's output up to the one that holds *mark*."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if mark in line:
            return lines
    raise AssertionError((lines, process.communicate()))


@pytest.fixture
def until() -> Callable[[subprocess.Popen[str], str], list[str]]:
    """Give the tests `read_until`."""
    return read_until


CONTROL = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])")


@define
class Screen:
    """What a terminal without an end at the bottom shows of the output so far, and whether its cursor can be seen.

    It knows what rich's live display uses, and refuses all else: such as the alternate screen, which would take the
    result away with it.
    """

    lines: list[str] = field(factory=lambda: [""])
    row: int = 0
    column: int = 0
    cursor_is_visible: bool = True

    def write(self, text: str) -> None:
        """Take output in."""
        for part in re.split(r"(\x1b\[\??[0-9;]*[A-Za-z]|[\r\n])", text):
            if control := CONTROL.fullmatch(part):
                self._control(*control.groups())
            elif part == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif part == "\r":
                self.column = 0
            else:
                assert "\x1b" not in part, part
                line = self.lines[self.row]
                self.lines[self.row] = line[: self.column] + part + line[self.column + len(part) :]
                self.column += len(part)

    def _control(self, private: str, number: str, action: str) -> None:
        match private, action, number:
            case "", "m", _:
                pass
            case "", "A", _:
                self.row -= int(number or 1)
            case "", "K", "2":
                self.lines[self.row] = ""
            case "?", ("h" | "l"), "25":
                self.cursor_is_visible = action == "h"
            case _:
                raise AssertionError((private, number, action))


class Terminal:
    """A pseudo-terminal with a command in it."""

    def __init__(self, process: subprocess.Popen[bytes], controller: int) -> None:
        self.process = process
        self.screen = Screen()
        self.output = ""
        self._controller = controller

    def read(self) -> bool:
        """Take in some output; return whether there was any before the end."""
        try:
            data = os.read(self._controller, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            return False
        self.output += data.decode()
        return bool(data)

    def read_until(self, mark: str) -> None:
        """Take output in until it holds *mark*."""
        while mark not in self.output:
            assert self.read(), self.output

    def finish(self) -> int:
        """Take in everything, draw it and return the exit code."""
        while self.read():
            pass
        self.screen.write(self.output)
        return self.process.wait(DEADLINE)

    def type(self, text: str) -> None:
        """Do what keys do."""
        os.write(self._controller, text.encode())

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)


@pytest.fixture
def terminal(folder: Folder) -> Iterator[Callable[..., Terminal]]:
    """Start a command in a terminal of the given width; kill it if the test leaves it running."""
    with ExitStack() as stack:

        def start(*arguments: str, columns: int, rows: int = 40, **more: str) -> Terminal:
            controller, side = pty.openpty()
            stack.callback(os.close, controller)
            fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            environment = folder.environment(**({"TERM": "xterm-256color"} | more))
            process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=folder.work, env=environment, stdin=side, stdout=side, stderr=side
            )
            os.close(side)
            stack.enter_context(process)
            stack.callback(process.kill)
            return Terminal(process, controller)

        yield start
