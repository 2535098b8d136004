"""Starting, stopping, and what survives."""

from __future__ import annotations

import errno
import json
import logging
import os
import queue
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from aiobench import PollPolicy
from aiobench.errors import ClientStateError, ConfigurationError
from aiobench.local import LocalBackend
from aiobench.local.engine import results
from aiobench.local.engine.store import Store
from local.killed_jobs import killed_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aiobench.local.engine.benchmarks import ModelRun
    from aiobench.local.engine.records import SegmentResult
    from conftest import Platform


def threads() -> list[str]:
    """Name the threads of local backends that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("aiobench-local")]


@pytest.fixture
def before() -> Iterator[list[str]]:
    """Give the backend threads there were before the test, and check that no more are left after it."""
    earlier = sorted(threads())
    yield earlier
    assert sorted(threads()) == earlier


def test_starts_again_and_again(before: list[str]) -> None:
    """One backend can be started and stopped many times, each time with a new temporary workspace and key."""
    backend = LocalBackend()
    keys = set()
    for _ in range(3):
        with backend:
            keys.add(backend.api_key)
            assert httpx.get(f"{backend.base_url}/sdk/metrics").status_code == 401
            assert len(threads()) > len(before)
        assert repr(backend) == "<LocalBackend(stopped)>"
    assert len(keys) == 3


@pytest.mark.parametrize("runtime", ["asyncio", "trio"])
def test_async_with_works_on_both_event_loops(before: list[str], runtime: str) -> None:
    """`async with` starts and stops it without holding the loop's thread, on asyncio and on trio."""

    async def main() -> int:
        async with LocalBackend() as backend:
            with anyio.CancelScope() as scope:
                async with LocalBackend():
                    scope.cancel()
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{backend.base_url}/sdk/metrics")).status_code

    assert anyio.run(main, backend=runtime) == 401
    assert sorted(threads()) == before


def test_clients_pass_by_the_environments_proxy(before: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is for the network; this machine's own server is not asked for through it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with LocalBackend() as backend:

        async def ask(**options: Any) -> None:
            async with backend.client(max_retries=0, **options) as client:
                await client.list_normalization_options("bleu", "copy-source")

        anyio.run(ask)
        with backend.sync_client() as client:
            client.list_normalization_options("bleu", "copy-source")
        anyio.run(partial(ask, trust_env=True))


def test_clients_ask_soon_and_as_their_user_wants() -> None:
    """Small jobs end within a second, so the first poll comes sooner than on the platform; `poll=` still counts."""
    mine = PollPolicy(interval=9)
    with LocalBackend() as backend:
        assert backend.client()._context.poll.interval < PollPolicy().interval
        assert backend.client(poll=mine)._context.poll == mine


def test_temporary_workspace_is_removed(before: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing stays on disk of a backend that was given no workspace."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with LocalBackend():
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_stops_promptly_with_connections_open_and_jobs_running(
    before: list[str], make_workspace: Callable[..., Path], connect: Callable[[LocalBackend], Platform]
) -> None:
    """Stopping takes well under two seconds whatever is going on, and leaves no thread and no listener."""
    backend = LocalBackend(make_workspace(segmentSeconds=30))
    backend.start()
    platform = connect(backend)
    benchmark = platform.create("tiny", ["copy-source"], ["wer"])
    jobs = [platform.start(benchmark) for _ in range(5)]
    platform.until(jobs[0], lambda document: document["status"] == "in_progress")
    address = ("127.0.0.1", httpx.URL(backend.base_url).port or 0)
    with socket.create_connection(address) as idle:
        idle.sendall(b"GET /sdk/metrics HTTP/1.1\r\n")
        began = time.monotonic()
        backend.stop()
        assert time.monotonic() - began < 1.9
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address).close()
    backend.stop()


def test_jobs_survive_a_restart(
    make_workspace: Callable[..., Path],
    connect: Callable[[LocalBackend], Platform],
    is_ended: Callable[[dict[str, Any]], bool],
) -> None:
    """A job that ran when the backend stopped goes on where it stood: key, start and finished segments are kept."""
    workspace = make_workspace(segmentSeconds=0.3)
    with LocalBackend(workspace) as backend:
        key = backend.api_key
        platform = connect(backend)
        job_id = platform.start(platform.create("tiny", ["copy-source", "iso-strict"], ["wer"]))
        half = platform.until(job_id, lambda document: document["progress"]["completedPercentage"] >= 25)
        waiting = platform.start(half["benchmark"]["id"])
    with LocalBackend(workspace) as backend:
        platform = connect(backend)
        assert backend.api_key == key
        resumed = platform.job(job_id)
        assert resumed["progress"]["completedPercentage"] >= half["progress"]["completedPercentage"]
        whole = platform.until(job_id, is_ended)
        assert (whole["status"], whole["startedAt"]) == ("completed", half["startedAt"])
        rows = platform.rows(whole)
        assert [(row["Model"], row["segment_id"]) for row in rows] == [
            (model, str(segment)) for model in ("copy-source", "iso-strict") for segment in range(4)
        ]
        assert platform.until(waiting, is_ended)["status"] == "completed"
        etag = httpx.head(whole["reportUrl"]).headers["etag"]
    with LocalBackend(workspace) as backend:
        again = connect(backend).job(job_id)
        assert again["iterations"] == whole["iterations"]
        assert httpx.head(again["reportUrl"]).headers["etag"] == etag


SERVE = """
import sys, time
from aiobench.local import LocalBackend
with LocalBackend(sys.argv[1]) as backend:
    print(backend.base_url, backend.api_key, flush=True)
    time.sleep(600)
"""


def test_killed_backend_leaves_a_workspace_that_goes_on(
    make_workspace: Callable[..., Path],
    connect: Callable[[LocalBackend], Platform],
    is_ended: Callable[[dict[str, Any]], bool],
) -> None:
    """A workspace in use is refused to a second process; after kill -9 it is free, and its job is finished."""
    workspace = make_workspace(segmentSeconds=0.2)
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, workspace], stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        base_url, key = process.stdout.readline().split()
        with httpx.Client(base_url=base_url, headers={"Authorization": f"Token {key}"}) as http:
            body = {"name": "n", "datasets": ["tiny"], "model": ["copy-source"], "metrics": [{"id": "wer"}]}
            benchmark_id = http.post("/sdk/benchmarks", json=body).json()["id"]
            job_id = http.post(f"/sdk/benchmarks/{benchmark_id}/start").json()["jobId"]
        with pytest.raises(ConfigurationError, match="another local backend uses the workspace"):
            LocalBackend(workspace).start()
        os.kill(process.pid, signal.SIGKILL)
    with LocalBackend(workspace) as backend:
        assert connect(backend).until(job_id, is_ended)["status"] == "completed"


def test_no_kill_loses_a_job_or_runs_a_kept_segment_again(tmp_path: Path) -> None:
    """Whenever a backend is killed, also while it makes its workspace, the next start goes on where it stood."""
    assert killed_jobs(tmp_path, kills=4, seed=3).total() >= 4


def test_job_whose_dataset_changed_fails_and_says_why(
    make_workspace: Callable[..., Path],
    connect: Callable[[LocalBackend], Platform],
    is_ended: Callable[[dict[str, Any]], bool],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A job cannot go on with other segments than it began with: it is failed, has no results, and others still run."""
    workspace = make_workspace(segmentSeconds=5)
    with LocalBackend(workspace) as backend:
        platform = connect(backend)
        benchmark_id = platform.create("tiny", ["copy-source"], ["wer"])
        job_id = platform.start(benchmark_id)
    (workspace / "datasets" / "tiny" / "segments.csv").write_text("source,reference\nJapan,Japan\n", "utf-8")
    with LocalBackend(workspace) as backend:
        platform = connect(backend)
        document = platform.until(job_id, is_ended)
        assert (document["status"], document["reportUrl"], "explanation" in document) == ("failed", "", False)
    assert "gone or changed" in caplog.text


def test_taken_port_is_a_clear_error(before: list[str], tmp_path: Path) -> None:
    """A port somebody else has is a ConfigurationError that names it; afterwards the workspace is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on port {port}"):
            LocalBackend(tmp_path, port=port).start()
    with pytest.raises(ConfigurationError, match="cannot listen on port 70000"):
        LocalBackend(tmp_path, port=70000).start()
    with LocalBackend(tmp_path, port=port) as backend:
        assert backend.base_url == f"http://127.0.0.1:{port}"


def test_port_can_be_had_again_at_once(tmp_path: Path) -> None:
    """A backend can be restarted on its port right after it served somebody."""
    with LocalBackend(tmp_path) as backend:
        port = httpx.URL(backend.base_url).port or 0
        httpx.get(backend.base_url)
    with LocalBackend(tmp_path, port=port) as backend:
        assert httpx.get(f"{backend.base_url}/sdk/metrics").status_code == 401


def test_workspace_in_use_is_refused_in_the_same_process(tmp_path: Path) -> None:
    """Two backends never share a workspace, not even two of one process."""
    with LocalBackend(tmp_path), pytest.raises(ConfigurationError, match="another local backend"):
        LocalBackend(tmp_path).start()


def test_running_backend_cannot_be_started_again() -> None:
    """A second start is refused, and the first goes on."""
    with LocalBackend() as backend:
        with pytest.raises(ClientStateError, match="already running"):
            backend.start()
        assert httpx.get(f"{backend.base_url}/sdk/metrics").status_code == 401


@pytest.mark.parametrize("name", ["base_url", "api_key", "datasets", "models", "metrics"])
def test_stopped_backend_says_that_it_is_not_running(name: str) -> None:
    """What only a running backend has is refused with what to do."""
    with pytest.raises(ClientStateError, match="not running"):
        getattr(LocalBackend(), name)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("workspace.json", "{", "does not hold the settings"),
        ("workspace.json", "[1]", "does not hold the settings"),
        ("workspace.json", '{"segmentSeconds": -1}', "segment_seconds"),
        ("datasets/tiny/dataset.json", "{}", "cannot be read"),
        ("datasets/tiny/dataset.json", "[]", "cannot be read"),
        ("datasets/tiny/segments.csv", "source,reference\n", "has no segments"),
        ("datasets/tiny/segments.csv", "src,ref\na,b\n", "cannot be read"),
        ("datasets/tiny/segments.csv", "source,reference\na,\n", "without source or reference"),
        ("datasets/tiny/segments.csv", "source,reference\na\n", "without source or reference"),
        ("jobs.sqlite", "this is not a database, however long one looks at it", "cannot be used"),
        ("lock", "this is not a database, however long one looks at it", "cannot be used"),
    ],
)
def test_damaged_workspace_is_a_clear_error(
    before: list[str], make_workspace: Callable[..., Path], file: str, content: str, message: str
) -> None:
    """A file of the workspace that cannot be read is a ConfigurationError that says which and what to do."""
    workspace = make_workspace()
    (workspace / file).write_text(content, "utf-8")
    with pytest.raises(ConfigurationError, match=message):
        LocalBackend(workspace).start()
    assert sorted(threads()) == before


def test_workspace_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    """A path that is no folder is a ConfigurationError."""
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        LocalBackend(tmp_path / "file").start()


def test_new_workspace_is_filled_and_keeps_its_key_to_itself(tmp_path: Path) -> None:
    """A new folder gets the demo's data; the file with the key is for its owner alone."""
    with LocalBackend(str(tmp_path / "new")) as backend:
        assert list(backend.datasets) == ["countries-de", "countries-fr"]
        settings = tmp_path / "new" / "workspace.json"
        assert json.loads(settings.read_text("utf-8"))["apiKey"] == backend.api_key
        if os.name == "posix":
            assert settings.stat().st_mode & 0o077 == 0


def test_import_is_light() -> None:
    """Importing the package loads none of the optional dependencies."""
    heavy = ("starlette", "uvicorn", "sacrebleu", "jiwer", "babel", "pycountry", "rapidfuzz")
    code = f"import sys, aiobench.local; print([name for name in {heavy} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True).stdout
    assert output == "[]\n"


def test_logging_of_the_process_is_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """Serving a request and stopping prints nothing."""
    with LocalBackend() as backend:
        httpx.get(backend.base_url)
    assert capfd.readouterr() == ("", "")


def test_first_start_that_was_killed_is_finished_by_the_next(make_workspace: Callable[..., Path]) -> None:
    """What a killed start leaves half written is no obstacle: the next start makes it anew."""
    root = make_workspace()
    (root / "datasets").rename(root / "datasets.part")
    (root / "datasets.part" / "half").mkdir()
    (root / "workspace.json.part").write_text('{"apiKey": "ha', "utf-8")
    (root / "results").mkdir(exist_ok=True)
    (root / "results" / "job.part").write_text("segment_id,Mod", "utf-8")

    with LocalBackend(root) as backend:
        assert list(backend.datasets) == ["countries-de", "countries-fr"]

    assert not list(root.rglob("*.part"))


def test_no_log_of_the_process_shows_a_signature(caplog: pytest.LogCaptureFixture) -> None:
    """F18: whatever handlers the root logger has, the server's requests are not logged with their queries."""
    caplog.set_level(logging.DEBUG)
    with LocalBackend() as backend:
        httpx.get(f"{backend.base_url}/results/abc?signature=s3cret")
    messages = [each.getMessage() for each in caplog.records if each.name.startswith(("uvicorn", "aiobench"))]

    assert messages
    assert not [each for each in messages if "s3cret" in each]


def test_datasets_are_read_as_people_keep_them(make_workspace: Callable[..., Path]) -> None:
    """A byte order mark, a field of 200,000 characters and hidden folders are no obstacle."""
    root = make_workspace()
    tiny = root / "datasets" / "tiny"
    (root / "datasets" / ".ipynb_checkpoints").mkdir()
    for name in ("dataset.json", "segments.csv"):
        (tiny / name).write_bytes(b"\xef\xbb\xbf" + (tiny / name).read_bytes())
    with (tiny / "segments.csv").open("a", encoding="utf-8") as lines:
        lines.write(f"{'x' * 200_000},long\n")

    with LocalBackend(root) as backend:
        assert list(backend.datasets) == ["tiny"]


def test_byte_that_is_not_utf8_is_named_with_its_line(make_workspace: Callable[..., Path]) -> None:
    """A dataset in another encoding is refused in one sentence, which names the file and the line."""
    root = make_workspace()
    (root / "datasets" / "tiny" / "segments.csv").write_bytes(b"source,reference\na,b\nM\xfcnchen,Munich\n")

    with pytest.raises(ConfigurationError, match=r"segments\.csv, line 3: byte 0xfc is not UTF-8; save the file as"):
        LocalBackend(root).start()


def test_full_disk_makes_jobs_wait(
    make_workspace: Callable[..., Path], connect: Callable[[LocalBackend], Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    """F38: when SQLite finds no room, no worker dies and nothing is lost: jobs go on when there is room again."""
    is_full, refusals, real = threading.Event(), queue.SimpleQueue[str](), Store.record

    def record(store: Store, *arguments: Any) -> None:
        # a limit of SQLite's own, which it answers as it does a full disk; 1 is raised to the pages that there are
        store._db.execute(f"PRAGMA max_page_count = {1 if is_full.is_set() else 2**30}")
        try:
            real(store, *arguments)
        except sqlite3.Error as error:
            refusals.put(error.sqlite_errorname)
            raise

    monkeypatch.setattr(Store, "record", record)
    root = make_workspace()
    with (root / "datasets" / "tiny" / "segments.csv").open("a", encoding="utf-8") as lines:
        lines.write(f"{'long ' * 5_000},lang\n")
    is_full.set()
    with LocalBackend(root) as backend:
        platform = connect(backend)
        benchmark = platform.create("tiny", ["copy-source"], ["exact-match"])
        jobs = [platform.start(benchmark) for _ in range(3)]
        refused = {refusals.get(timeout=30) for _ in range(3)}
        waiting = [platform.job(job)["status"] for job in jobs]
        is_full.clear()
        ended = [platform.until(job, lambda document: document["status"] in {"completed", "failed"}) for job in jobs]

        assert refused == {"SQLITE_FULL"}
        assert "failed" not in waiting
        assert [document["status"] for document in ended] == ["completed"] * 3
        assert [len(platform.rows(document)) for document in ended] == [5] * 3


def test_full_disk_under_the_file_of_results_makes_a_job_wait(
    make_workspace: Callable[..., Path], connect: Callable[[LocalBackend], Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    """F38: the file is written while the job runs. Where it finds no room, what is recorded stays so, once."""
    is_full, refusals, real = threading.Event(), queue.SimpleQueue[int](), results._row

    def row(model: ModelRun, result: SegmentResult, *others: Any) -> list[object]:
        if is_full.is_set() and result.segment == 2:
            refusals.put(result.segment)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(model, result, *others)

    monkeypatch.setattr(results, "_row", row)
    monkeypatch.setattr("aiobench.local.engine.runner.RECORD_EVERY", 0.0)
    is_full.set()
    with LocalBackend(make_workspace()) as backend:
        platform = connect(backend)
        job = platform.start(platform.create("tiny", ["copy-source"], ["exact-match"]))
        refusals.get(timeout=30)
        waiting = platform.job(job)["status"]
        is_full.clear()
        ended = platform.until(job, lambda document: document["status"] in {"completed", "failed"})

        assert (waiting, ended["status"]) == ("in_progress", "completed")
        assert [row["segment_id"] for row in platform.rows(ended)] == [str(number) for number in range(4)]


@pytest.mark.parametrize(
    "replacing",
    [
        "import nest_asyncio; nest_asyncio.apply()",
        """class Refused(asyncio.Task):
    def __init__(self, *args, **settings):
        raise SystemExit("a task that is not asyncio's own")

asyncio.Task = asyncio.tasks.Task = Refused
asyncio.run = None""",
    ],
    ids=["nest_asyncio", "by what cannot run"],
)
def test_works_where_parts_of_asyncio_are_replaced(replacing: str) -> None:
    """The server's loop is its own, with asyncio's own tasks."""
    program = f"""
import asyncio, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # on Python 3.14, for what nest_asyncio asks asyncio itself
{replacing}
from aiobench.errors import NotFoundError
from aiobench.local import LocalBackend

with LocalBackend() as backend, backend.sync_client() as client:
    try:
        client.get_job("none")
    except NotFoundError:
        print("answered")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("answered\n", "", 0)
