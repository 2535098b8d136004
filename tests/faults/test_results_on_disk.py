"""Results on their disk: whole or absent, among writers, and where the disk says no: F21."""

from __future__ import annotations

import errno
import gc
import logging
import os
import random
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import anyio
import psutil
import pytest

from aiobench import (
    APIConnectionError,
    Client,
    LocalStorageError,
)
from aiobench._download import part_files
from faults import leaks
from faults.everywhere import EVERYWHERE
from faults.results import FILE, download, only, part
from faults.secrets import SIGNED, raises
from faults.server import FaultServer, raw, reply

pytestmark = pytest.mark.anyio


@EVERYWHERE
async def test_the_old_file_stays_until_the_new_one_is_whole(
    server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path
) -> None:
    """F21: what is at the path is replaced by a whole file or not at all."""
    target.write_bytes(b"old")
    server.add_results("j", data)
    seen: list[bytes] = []

    def look(done: int, total: int | None) -> None:
        if done < (total or 0):
            seen.append(target.read_bytes())

    await download(new_client(), target, progress=look)
    assert set(seen) == {b"old"}
    only(target, data)
    server.script(FILE, always=part(100))
    with raises(APIConnectionError):
        await download(new_client(max_retries=1), target)
    only(target, data)


@EVERYWHERE
async def test_two_writers_of_one_path(
    server: FaultServer, new_client: Callable[..., Client], target: Path, seed: int
) -> None:
    """F21: downloads to one path at the same time do not disturb each other; one of them wins, whole."""
    rng = random.Random(seed)
    bodies = [rng.randbytes(300_000) for _ in range(8)]
    for number, body in enumerate(bodies):
        server.add_results(f"j{number}", body)
    client = new_client()
    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(client.job(f"j{number}").download_results_as_csv, target)
    assert target.read_bytes() in bodies
    assert len(list(target.parent.iterdir())) == 1


def test_a_part_file_is_not_taken_from_its_writer(target: Path) -> None:
    """F21: the sweep of what killed processes left never takes a file from a writer, not even just after its birth."""
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> int:
        for _ in range(50):
            made = part_files.PartFile(target)
            made.open()
            made.write(bytes([number]) * 100)
            made.publish()
            made.discard()
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == list(range(8))
    assert len(set(target.read_bytes())) == 1
    assert [path.name for path in target.parent.iterdir()] == [target.name]


async def test_where_an_open_file_cannot_be_moved(
    server: FaultServer, client: Client, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21 on Windows: a part file is closed before it is moved, and what was left behind is told by its age."""
    monkeypatch.setattr(part_files, "IS_WINDOWS", True)
    server.add_results("j", b"a,b\n1,2\n")
    new, old = (target.with_name(f".{target.name}.{number}.aiobench-part") for number in range(2))
    new.touch()
    old.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    move = Path.replace

    def replace(self: Path, to: Path) -> Path:
        assert str(self) not in {each.path for each in psutil.Process().open_files()}
        return move(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    await download(client, target)
    assert {new, target} == {*target.parent.iterdir()}


KILLED = """
import sys, anyio
from aiobench import Client

async def main():
    async with Client("k", base_url=sys.argv[1], trust_env=False) as client:
        await client.job("j").download_results_as_csv(sys.argv[2])

anyio.run(main)
"""


@pytest.mark.posix
async def test_kill_9(server: FaultServer, new_client: Callable[..., Client], data: bytes, target: Path) -> None:
    """F21: a process killed while it downloads leaves no partial file at the path; the next download cleans up."""
    server.add_results("j", data)
    head = reply(200, b"", length=len(data), ETag='"v1"') + data[:2_000_000]
    server.script(FILE, raw(head, then="hold"))
    child = subprocess.Popen([sys.executable, "-c", KILLED, server.base_url, str(target)])  # noqa: ASYNC220
    try:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size >= 2**20 for path in target.parent.iterdir()):
            assert child.poll() is None
            assert time.monotonic() < deadline
            await anyio.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        await anyio.to_thread.run_sync(child.wait)
    assert not target.exists()
    assert len(list(target.parent.iterdir())) == 1
    (target.parent / ".other.csv.0123456789abcdef.aiobench-part").write_bytes(b"another file's")
    await download(new_client(), target)
    assert sorted(path.name for path in target.parent.iterdir()) == [
        ".other.csv.0123456789abcdef.aiobench-part",
        target.name,
    ]
    assert target.read_bytes() == data


@pytest.mark.posix
@pytest.mark.parametrize("name", ["a*[b]?.csv", "ü" * 120 + ".csv", "x" * 251 + ".csv", ".hidden", "a\nb.csv", "-rf"])
async def test_names_of_all_kinds(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, name: str
) -> None:
    """F21: a file may have any name that the file system takes, and its leftovers are found again."""
    server.add_results("j", b"a,b\n")
    target = tmp_path / name
    left = part_files.PartFile(target)
    left.open()
    assert left._file is not None
    left._file.close()  # as if its process had been killed
    await download(new_client(), target)
    only(target, b"a,b\n")


@pytest.mark.posix
async def test_a_pipe_by_the_name_of_a_part_file(server: FaultServer, client: Client, target: Path) -> None:
    """F21: what was left behind is a file; a pipe that somebody put there is not waited for, nor removed."""
    server.add_results("j", b"a,b\n1,2\n")
    pipe = target.with_name(f".{target.name}.0.aiobench-part")
    os.mkfifo(pipe)
    with anyio.fail_after(20):
        await download(client, target)
    assert {pipe, target} == {*target.parent.iterdir()}


async def test_names_are_not_kept(
    server: FaultServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: a service that downloads file after file holds no more memory for it."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # pytest keeps every record
    server.add_results("j", b"a,b\n1,2\n")
    for number in range(30):
        await download(client, tmp_path / f"before-{number}")
    of_the_server = [
        tracemalloc.Filter(inclusive=False, filename_pattern=each) for each in ("*/faults/*", "*/asyncio/*")
    ]
    held = []
    for _ in range(3):  # a leak shows each time, what is made once in a process does not
        tracemalloc.start()
        try:
            for number in range(60):
                await download(client, tmp_path / f"{tmp_path.name}-{number}")
            gc.collect()
            left = tracemalloc.take_snapshot().filter_traces(of_the_server)
        finally:
            tracemalloc.stop()
        held.append(sum(each.size for each in left.statistics("filename")))
    assert min(held) < 60 * 1_500


@pytest.mark.posix
async def test_a_power_cut(
    server: FaultServer, new_client: Callable[..., Client], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: the bytes are on the disk before the name is, and the name after that."""
    server.add_results("j", b"a,b\n")
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(self: Path, other: Path) -> Path:
        done.append("name")
        return replace(self, other)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    await download(new_client(), target)
    assert done == ["file", "name", "folder"]


@pytest.mark.posix
async def test_full_disk(server: FaultServer, new_client: Callable[..., Client], data: bytes, tmp_path: Path) -> None:
    """F21: a disk that is full is a `LocalStorageError` with the system's reason; nothing is left on it."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = await anyio.run_process(command, check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here; the injected one below stands in")
    try:
        server.add_results("j", data)
        with raises(LocalStorageError, match="No space left") as caught:
            await download(new_client(), folder / "results.csv")
        assert isinstance(caught.value, OSError)
        assert list(folder.iterdir()) == []
        assert len(server.sent_to(FILE)) == 1
    finally:
        await anyio.run_process(["umount", str(folder)])


@pytest.mark.parametrize("step", ["_open", "_write", "_publish"])
async def test_a_disk_that_says_no(
    server: FaultServer,
    new_client: Callable[..., Client],
    data: bytes,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """F21: wherever the disk says no: `LocalStorageError`, nothing left, the old file as it was."""
    target.write_bytes(b"old")
    server.add_results("j", data, query=SIGNED)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part_files.PartFile, step, fail)
    with raises(LocalStorageError, match="No space left"):
        await download(new_client(), target)
    only(target, b"old")


@pytest.mark.parametrize("where", ["a folder", "no folder", "a file as folder", "a null byte"])
async def test_places_where_no_file_can_be(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, where: str
) -> None:
    """F21: a path where no file can be written is a `LocalStorageError`."""
    server.add_results("j", b"x")
    (tmp_path / "file").write_bytes(b"")
    targets = {
        "a folder": tmp_path,
        "no folder": tmp_path / "none" / "x.csv",
        "a file as folder": tmp_path / "file" / "x",
        "a null byte": tmp_path / "a\0b",
    }
    with raises(LocalStorageError):
        await download(new_client(), targets[where])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.posix
async def test_permissions_and_links(server: FaultServer, new_client: Callable[..., Client], tmp_path: Path) -> None:
    """F21: the file gets the permissions of a new file of the user's; a link stays one, and its file is replaced."""
    server.add_results("j", b"a,b\n")
    before = os.umask(0o027)
    try:
        await download(new_client(), tmp_path / "new.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    await download(new_client(), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"a,b\n"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP])
async def test_a_file_system_without_permissions(
    server: FaultServer,
    new_client: Callable[..., Client],
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    """F21: one that knows no modes (a mounted bucket, exFAT) takes files, and takes them a second time."""

    def refuse(path: object, *_: object, **__: object) -> None:
        raise OSError(number, "Operation not permitted", str(path))

    monkeypatch.setattr(os, "chmod", refuse)
    for data in (b"a,b\n", b"c,d\n"):
        server.add_results("j", data)
        await download(new_client(), target)
        assert target.read_bytes() == data


@pytest.mark.parametrize(
    ("number", "is_fine"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False), (errno.ENOSPC, False)]
)
async def test_a_file_system_that_cannot_sync(
    server: FaultServer,
    new_client: Callable[..., Client],
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_fine: bool,
) -> None:
    """F21: one that knows no fsync takes files; one that fails to write what it was given is a `LocalStorageError`."""

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    server.add_results("j", b"a,b\n")
    monkeypatch.setattr(os, "fsync", refuse)
    with nullcontext() if is_fine else raises(LocalStorageError, match=os.strerror(number)):
        await download(new_client(), target)
    assert target.exists() == is_fine


@pytest.mark.posix
async def test_what_is_at_the_path_already(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21: a file that is replaced keeps its permissions, a pipe is not replaced, and the path comes back as given."""
    server.add_results("j", b"a,b\n")
    monkeypatch.chdir(tmp_path)
    private, pipe = Path("private.csv"), Path("pipe")
    private.touch(mode=0o600)
    assert await download(new_client(), private) == private
    assert (private.read_bytes(), stat.S_IMODE(private.stat().st_mode)) == (b"a,b\n", 0o600)
    os.mkfifo(pipe)
    with raises(LocalStorageError, match="pipe"):
        await download(new_client(), pipe)
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "private.csv"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("step", ["_open", "_write", "_publish"])
async def test_native_cancellation_of_a_disk_step(
    server: FaultServer,
    new_client: Callable[..., Client],
    data: bytes,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """F21: `Task.cancel()` while a thread has the file in hand: the thread's step ends first, then the file goes."""
    import asyncio
    import threading

    server.add_results("j", data)
    entered, go_on, done = threading.Event(), threading.Event(), threading.Event()
    real = getattr(part_files.PartFile, step)

    def slow(self: part_files.PartFile, *arguments: object) -> object:
        entered.set()
        go_on.wait(10)
        try:
            return real(self, *arguments)
        finally:
            done.set()

    monkeypatch.setattr(part_files.PartFile, step, slow)
    task = asyncio.create_task(download(new_client(), target))
    await asyncio.to_thread(entered.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.to_thread(done.wait, 10)
    expected = 1 if step == "_publish" else 0  # a file that was being put in its place is whole
    assert await leaks.settle(lambda: len(list(target.parent.iterdir())), expected) == expected
    if expected:
        only(target, data)
