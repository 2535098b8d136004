"""Files: moved, locked and kept, as each system can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aiobench import _files


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Be on Windows, and note each pause instead of making it."""
    made: list[float] = []
    monkeypatch.setattr(_files, "IS_WINDOWS", True)
    monkeypatch.setattr(_files.time, "sleep", made.append)
    return made


@pytest.mark.parametrize("refusals", [0, 1, 3, 99])
def test_a_file_that_somebody_reads_is_replaced_once_it_is_free(
    refusals: int, pauses: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, where it can be replaced only then; whoever keeps it open is waited for, about a second long."""
    replace, tries = Path.replace, 0

    def refusing(self: Path, target: Path) -> Path:
        nonlocal tries
        tries += 1
        if tries <= refusals:
            raise PermissionError(13, "Access is denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    if refusals < 99:
        _files.move(tmp_path / "new", tmp_path / "old")
        assert [path.name for path in tmp_path.iterdir()] == ["old"]
        assert (tmp_path / "old").read_text("utf-8") == "new"
        assert len(pauses) == refusals
    else:
        with pytest.raises(PermissionError):
            _files.move(tmp_path / "new", tmp_path / "old")
        assert 0.5 < sum(pauses) < 2
        assert (tmp_path / "old").read_text("utf-8") == "old"


def test_a_lock_is_held_as_long_as_its_file_is_open(tmp_path: Path) -> None:
    """A second one is refused; closing the file, as a dying process does, releases it."""
    first, second = (os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        _files.lock(first)
        with pytest.raises(BlockingIOError):
            _files.lock(second)
        os.close(first)
        _files.lock(second)
    finally:
        os.close(second)
    assert (tmp_path / "file").read_bytes() == b""
