"""What a poll costs, counted instead of timed: lines that aiobench runs, and calls that it makes.

A clock would need a quiet machine and many rounds (`nox -s bench`); a count is the same every time and everywhere,
give or take a Python version. It sees what our own code does and what it asks of others, not what they make of it.
"""

from __future__ import annotations

import itertools
import json
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
import trio
import trio.testing

import aiobench
from aiobench import Client, Finished, PollPolicy
from aiobench._results.csv_frames import read_frame
from aiobench._results.options import ReadOptions
from aiobench._wire.heads import job_list

if TYPE_CHECKING:
    from collections.abc import Iterator

COSTS = {
    "check_status": (182, 109),
    "fetch": (218.4, 140.8),
    "a request of a monitor": (381, 242),
    "a request of a monitor among others": (273, 164),
    "a job on a list": (0, 0),  # the list is the one before
    "a job on a list that differs": (11, 4),
    "decoding a list": (106, 103),
}
"""Lines and calls a unit. A change that adds over a tenth fails; if it is worth that, write what the failure says."""

TOLERATED = 1.1
HOME = str(Path(aiobench.__file__).parent)
JOB = Path(__file__).with_name("samples").joinpath("in_progress.json").read_bytes()
ROUNDS = 20


class Count:
    """Lines run in the package, and calls made from there."""

    def __init__(self) -> None:
        self.lines = self.calls = 0

    def on_call(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        return self._on_line if frame.f_code.co_filename.startswith(HOME) else None

    def _on_line(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        self.lines += event == "line"
        return self._on_line

    def on_profile(self, frame: FrameType, event: str, argument: Any) -> None:
        caller = frame if event == "c_call" else frame.f_back if event == "call" else None
        self.calls += caller is not None and caller.f_code.co_filename.startswith(HOME)


@contextmanager
def counting() -> Iterator[Count]:
    """Count what this thread does; a coverage measurement or a debugger goes on afterwards."""
    count, trace, profile = Count(), sys.gettrace(), sys.getprofile()
    sys.setprofile(count.on_profile)
    sys.settrace(count.on_call)
    try:
        yield count
    finally:
        sys.settrace(trace)
        sys.setprofile(profile)


def check(what: str, count: Count, units: int) -> None:
    """Compare a count with what it was when somebody last looked."""
    lines, calls = COSTS[what]
    found = round(count.lines / units, 2), round(count.calls / units, 2)
    is_dearer = found[0] > lines * TOLERATED or found[1] > calls * TOLERATED
    assert not is_dearer, (
        f"{what} takes {found[0]:g} lines and {found[1]:g} calls, and took {lines:g} and {calls:g}. "
        f"If it is worth that, write ({found[0]:g}, {found[1]:g}) for it in COSTS, and say why in the commit."
    )


def run(
    answer: Callable[[httpx.Request], bytes], use: Callable[[Client], Awaitable[None]], interval: float = 1.0
) -> None:
    """Use a client of a platform that answers from memory, at once, by a clock that jumps."""

    async def main() -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=httpx.ByteStream(answer(request)))

        policy = PollPolicy(interval=interval, max_interval=interval)
        make: Callable[[], httpx.AsyncBaseTransport] = lambda: httpx.MockTransport(reply)  # noqa: E731
        async with Client("key", base_url="http://127.0.0.1:1", transport=make, poll=policy, trust_env=False) as client:
            session = client._context.platform.session
            session.now = trio.current_time
            session.random.seed(7)
            await use(client)

    anyio.run(main, backend="trio", backend_options={"clock": trio.testing.MockClock(autojump_threshold=0)})


@pytest.mark.parametrize("what", ["check_status", "fetch"])
def test_a_poll_costs_what_it_did(what: str) -> None:
    """One poll of one job, on a connection that is there, takes as many steps as before."""

    async def use(client: Client) -> None:
        poll = getattr(client.job("job-running", "bm-01"), what)
        await poll()
        with counting() as count:
            for _ in range(ROUNDS):
                await poll()
        check(what, count, ROUNDS)

    run(lambda request: JOB, use)


@pytest.mark.parametrize("what", ["a job on a list", "a job on a list that differs"])
def test_a_round_of_a_monitor_costs_what_it_did(what: str) -> None:
    """What grows with the requests and what grows with the jobs on a list take as many steps as before."""
    counts = {}
    for jobs in (10, 510):
        body = listed(jobs)
        blanks = itertools.cycle([b"", b" "]) if what.endswith("differs") else itertools.repeat(b"")

        async def use(client: Client, jobs: int = jobs) -> None:
            async with client.monitor([client.job(f"job-{number}", "bm-01") for number in range(jobs)]) as monitor:
                with anyio.move_on_after(2.5):
                    await anext(monitor)
                before = monitor.stats.requests
                with counting() as count, anyio.move_on_after(ROUNDS):
                    await anext(monitor)
                requests = monitor.stats.requests - before
            assert requests >= ROUNDS / 1.2
            count.lines, count.calls = round(count.lines / requests), round(count.calls / requests)
            counts[jobs] = count

        run(lambda request, body=body, blanks=blanks: body + next(blanks), use)  # type: ignore[misc]
    each = Count()
    each.lines, each.calls = counts[510].lines - counts[10].lines, counts[510].calls - counts[10].calls
    check(what, each, 500)
    if what == "a job on a list":
        check("a request of a monitor", counts[10], 1)


def test_polls_that_share_a_moment_cost_less_than_alone() -> None:
    """Lists that may be asked for at the same moment are, and a reply wakes nobody who has nothing to do."""
    body = {f"/sdk/benchmarks/bm-{number}/jobs": listed(10, f"bm-{number}") for number in range(50)}
    counts = []

    async def use(client: Client) -> None:
        jobs = [client.job(f"bm-{number}-{job}", f"bm-{number}") for number in range(50) for job in range(10)]
        async with client.monitor(jobs) as monitor:
            with anyio.move_on_after(2.5):
                await anext(monitor)
            before = monitor.stats.requests
            with counting() as count, anyio.move_on_after(ROUNDS):
                await anext(monitor)
            requests = monitor.stats.requests - before
        assert requests >= 50 * ROUNDS / 1.2
        count.lines, count.calls = round(count.lines / requests), round(count.calls / requests)
        counts.append(count)

    run(lambda request: body[request.url.path], use)
    check("a request of a monitor among others", counts[0], 1)


def test_decoding_a_list_costs_what_it_did() -> None:
    """Reading a list of 100 jobs takes as many steps as before."""
    body = listed(100)
    with counting() as count:
        job_list(body)
    check("decoding a list", count, 1)


def test_a_dearer_poll_is_noticed() -> None:
    """The guard itself sees an eighth more of lines or of calls."""
    lines, calls = COSTS["check_status"]
    for factor in ((1.125, 1.0), (1.0, 1.125)):
        count = Count()
        count.lines, count.calls = int(lines * factor[0]), int(calls * factor[1])
        with pytest.raises(AssertionError, match="write"):
            check("check_status", count, 1)


@pytest.mark.parametrize("keep_open", [False, True])
def test_an_end_costs_the_same_among_many(keep_open: bool) -> None:
    """To tell the end of one job takes no memory, and so no time, that grows with the jobs that go on."""
    peaks = {}
    for jobs in (100, 5_000):
        documents = {"GET /sdk/benchmarks/bm-01/jobs": listed(jobs)}

        def answer(request: httpx.Request, documents: dict[str, bytes] = documents) -> bytes:
            return documents.get(f"{request.method} {request.url.path}", ended(request.url.path.rpartition("/")[2]))

        async def use(client: Client, jobs: int = jobs) -> None:
            watched = [client.job(f"job-{number}", "bm-01") for number in range(jobs)]
            async with client.monitor(watched, keep_open=keep_open) as monitor:
                with anyio.move_on_after(2.5):
                    await anext(monitor)
                monitor.add("job-alone")
                tracemalloc.start()
                try:
                    event = await anext(monitor)
                    peaks[len(watched)] = tracemalloc.get_traced_memory()[1]
                finally:
                    tracemalloc.stop()
            assert isinstance(event, Finished)

        run(answer, use)  # type: ignore[misc]
    assert peaks[5_000] < peaks[100] + 20_000


@pytest.mark.parametrize("engine", ["pyarrow", "python"])
@pytest.mark.parametrize(
    ("header", "row", "last"),
    [
        ("Model,n", "m,1", "m,late"),
        (",".join(f"m{number}_success" for number in range(3_000)), ",".join(["True", ""] * 1_500), None),
    ],
    ids=["a late text among integers", "3,000 columns of flags"],
)
def test_odd_columns_take_time_in_proportion(
    tmp_path: Path, engine: Any, header: str, row: str, last: str | None
) -> None:
    """Twice the rows take at most twice the steps, however odd the columns are."""
    width = header.count(",") + 1
    counts = []
    for rows in (60_000 // width, 120_000 // width):
        path = tmp_path / f"{rows}.csv"
        path.write_text("\n".join([header, *[row] * (rows - 1), last or row]), encoding="utf-8")
        with counting() as count:
            frame = read_frame(path, job_id="JOB", metrics=(), options=ReadOptions(engine=engine))
        assert frame.shape == (rows, width)
        counts.append(count.lines + count.calls)
    assert counts[1] < 2.2 * counts[0]


def listed(jobs: int, benchmark_id: str = "") -> bytes:
    """Write a benchmark's job list."""
    stem, benchmark = (benchmark_id, benchmark_id) if benchmark_id else ("job", "bm-01")
    return json.dumps(
        [{"jobId": f"{stem}-{n}", "status": "in_progress", "benchmark": {"id": benchmark}} for n in range(jobs)]
    ).encode()


def ended(job_id: str) -> bytes:
    """Write the document of a job that has ended."""
    return json.dumps({"jobId": job_id, "status": "completed"}).encode()
