"""The live display, in a real pseudo-terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Folder, Terminal


def test_live_display_moves_and_leaves_a_clean_screen(terminal: Callable[..., Terminal]) -> None:
    """While the job runs its table is drawn anew in place; in the end it stands there once, and nothing of before."""
    demo = terminal("demo", columns=80)

    assert demo.finish() == 0
    lines = [line.rstrip() for line in demo.screen.lines]
    assert "in progress" in demo.output
    assert "queued" in demo.output
    assert demo.screen.cursor_is_visible
    assert [line for line in lines if "in progress" in line or "queued" in line] == []
    assert len([line for line in lines if line.startswith("Copy of the source  ") and " completed " in line]) == 1
    assert len([line for line in lines if line.endswith("credits")]) == 1
    assert max(map(len, lines)) <= 80


def test_ctrl_c_gives_the_terminal_back(folder: Folder, terminal: Callable[..., Terminal]) -> None:
    """Ctrl-C during the live display shows the cursor again, says so on a line of its own and exits with 130."""
    demo = terminal("demo", columns=80)
    demo.read_until("in progress")
    demo.interrupt()

    assert demo.finish() == 130
    assert demo.screen.cursor_is_visible
    assert [line for line in demo.screen.lines if line][-1] == "aiobench: interrupted"
    assert list(folder.temporary.iterdir()) == []
