"""`python -m faults.soak`: a service that runs among faults, and whether what it holds grows (`nox -s soak`).

Thousands of jobs are monitored on a platform in a process of its own that misbehaves in one of a hundred requests.
A job that has ended is replaced by a new one, started over the wire, and its results are downloaded and checked. At
the end stands the slope of memory, descriptors, tasks and threads; the exit status is 1 if anything was lost, reported
twice, damaged or left over.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import psutil
from attrs import define, field, frozen

from aiobench import Abandoned, BenchmarkJob, Client, Finished, Monitor, MonitorStats, PollPolicy
from aiobench.errors import APIError, StartOutcomeUnknownError
from faults import leaks
from faults.secrets import KEY
from faults.server import FaultServer, Received
from faults.storms import FAULTS, FILE_FAULTS, storm

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = 100  # jobs of a benchmark
WORKERS = 8  # ended jobs that are dealt with at once
MEMORY = 64 * 2**20  # bytes by which the process may grow
KEPT = 120.0  # seconds for which the platform knows a job that has ended
PATIENCE = 30.0  # seconds after which an end that was not reported is lost
EVERY = 10.0  # seconds from one look at what is held to the next


def contents(job_id: str) -> bytes:
    """Make up the results of a job: some kilobytes that follow from its id."""
    random = Random(job_id)
    return random.randbytes(random.randrange(1_000, 30_000))


# -- the platform, in its own process -----------------------------------------------------------------------------


class LivingPlatform(FaultServer):
    """A platform whose jobs end by the clock, each after a time that follows from its id."""

    def __init__(self, seed: int, life: float) -> None:
        super().__init__(seed)
        self._life = life
        self._ends: dict[str, float] = {}
        self._started = 0
        self.ended: dict[str, float] = {}  # when the platform began to say so

    def add_job(self, job_id: str, status: str = "in_progress", benchmark: str = "b1", **more: object) -> None:
        """Take a job in and fix its end."""
        super().add_job(job_id, status, benchmark, **more)
        self._ends[job_id] = time.monotonic() + Random(f"{self.seed} {job_id}").uniform(0, 2 * self._life)

    def start(self, benchmark: str) -> str:
        """Start a job with an id of its own."""
        self._started += 1
        job_id = f"{benchmark}-started-{self._started}"
        self.add_job(job_id, "in_progress", benchmark)
        return job_id

    def turn(self) -> None:
        """Let time pass."""
        self._in_loop(self._turn())

    async def _turn(self) -> None:
        """End the jobs whose time has come, and drop those that ended long ago."""
        now = time.monotonic()
        for job_id, end in list(self._ends.items()):
            if now > end + KEPT:
                del self._ends[job_id], self.jobs[job_id]
            elif now > end and self.jobs[job_id]["status"] == "in_progress":
                benchmark = self.jobs[job_id]["benchmark"]["id"]
                url = f"{self.base_url}/results/{job_id}.csv"
                super().add_job(job_id, "completed", benchmark, reportUrl=url)
                self.ended[job_id] = now

    async def _received(self, *wire: Any) -> Received | None:
        """Take in a request; files are made up as they are asked for, and nothing is kept."""
        request = await super()._received(*wire)
        self.requests.clear()
        if request is not None and (path := request.path).startswith("/results/"):
            self.files = {path: contents(Path(path).stem), **dict(list(self.files.items())[:WORKERS])}
            self.etags = dict.fromkeys(self.files, '"v1"')
        return request


def serve(wire: Connection, seed: int, jobs: int, life: float, share: float) -> None:
    """Run the platform until the other end of *wire* has gone; answer its questions for what has happened."""
    injected: list[str] = []
    with LivingPlatform(seed, life) as platform:
        for number in range(jobs):
            platform.add_job(f"b{number // GROUP}-{number}", benchmark=f"b{number // GROUP}")
        platform.script("/sdk/", always=storm(share, FAULTS, injected))
        platform.script("/results/", always=storm(share, FILE_FAULTS, injected))
        wire.send(platform.base_url)
        while True:
            try:
                if wire.poll(0.2):
                    wire.recv()
                    long_ago = time.monotonic() - PATIENCE
                    wire.send((Counter(injected), {each for each, at in platform.ended.items() if at < long_ago}))
            except EOFError:
                return
            platform.turn()


@frozen
class Platform:
    """The platform as the process of the client sees it."""

    base_url: str
    _wire: Connection

    def happened(self) -> tuple[Counter[str], set[str]]:
        """Return how often it misbehaved, by kind, and the jobs whose end everybody could have seen by now."""
        self._wire.send(None)
        return self._wire.recv()


@contextmanager
def platform(seed: int, jobs: int, life: float, share: float) -> Iterator[Platform]:
    """Run the platform for the length of a block."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, seed, jobs, life, share), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Platform(ours.recv(), ours)
    finally:
        ours.close()
        process.join(10)
        process.kill()


# -- what is held -------------------------------------------------------------------------------------------------


@frozen
class Sample:
    """What the process holds at a moment; memory in bytes, the time in seconds from the beginning."""

    at: float
    memory: int
    descriptors: int
    tasks: int
    threads: int

    @classmethod
    def now(cls, since: float) -> Sample:
        """Look, after the garbage has gone."""
        gc.collect()
        process = psutil.Process()
        return cls(
            at=time.monotonic() - since,
            memory=process.memory_info().rss,
            descriptors=process.num_fds(),
            tasks=leaks.tasks(),
            threads=leaks.threads(),
        )


def slope(samples: list[Sample], what: str) -> float:
    """Return by how much something grows in an hour: the line through the samples that fits best."""
    return (
        3600
        * statistics.linear_regression([each.at for each in samples], [getattr(each, what) for each in samples]).slope
    )


# -- the service --------------------------------------------------------------------------------------------------


@define
class Tally:
    """What the service has seen."""

    watched: set[str]
    ended: Counter[str] = field(factory=Counter[str])
    whole: int = 0
    unclear: int = 0
    wrong: list[str] = field(factory=list[str])


@frozen
class Service:
    """Watches jobs, looks at what they brought, and starts others in their place."""

    client: Client
    monitor: Monitor
    folder: Path
    tally: Tally

    async def run(self) -> None:
        """Hand what has ended to a few workers, until cancelled."""
        send, receive = anyio.create_memory_object_stream[BenchmarkJob](0)
        async with anyio.create_task_group() as tasks, send, receive:
            for _ in range(WORKERS):
                tasks.start_soon(self._work, receive.clone())
            async for event in self.monitor:
                if isinstance(event, Finished):
                    self.tally.ended[event.job.id] += 1
                    await send.send(event.job)
                elif isinstance(event, Abandoned):
                    self.tally.wrong.append(f"{event.job.id}: {event.error!r}")

    async def _work(self, ended: anyio.abc.ObjectReceiveStream[BenchmarkJob]) -> None:
        async with ended:
            async for job in ended:
                try:
                    await self._replace(job)
                except StartOutcomeUnknownError:
                    self.tally.unclear += 1
                except APIError as error:
                    self.tally.wrong.append(f"{job.id}: {error!r}")

    async def _replace(self, job: BenchmarkJob) -> None:
        path = await job.download_results_as_csv(self.folder / f"{job.id}.csv")
        found, expected = (hashlib.sha256(data).digest() for data in (path.read_bytes(), contents(job.id)))
        path.unlink()
        if found == expected:
            self.tally.whole += 1
        else:
            self.tally.wrong.append(f"{job.id}: its results are damaged")
        successor = await self.client.start_job(job.benchmark_id)
        self.tally.watched.add(successor.id)
        self.monitor.add(successor)


async def soak(options: argparse.Namespace) -> list[str]:
    """Run the service for a while, and return what was wrong in the end."""
    samples: list[Sample] = []
    policy = PollPolicy(interval=2.0, max_interval=10.0)
    jobs = [(f"b{number // GROUP}-{number}", f"b{number // GROUP}") for number in range(options.jobs)]
    tally = Tally({job_id for job_id, _ in jobs})
    with TemporaryDirectory() as folder, platform(options.seed, options.jobs, options.life, options.share) as server:
        before = Sample.now(0.0)
        async with (
            Client(KEY, base_url=server.base_url, poll=policy, trust_env=False) as client,
            client.monitor([client.job(*each) for each in jobs], keep_open=True) as monitor,
            anyio.create_task_group() as tasks,
        ):
            since = time.monotonic()
            tasks.start_soon(Service(client, monitor, Path(folder), tally).run)
            while (rest := since + 60 * options.minutes - time.monotonic()) > 0:
                await anyio.sleep(min(EVERY, rest))
                samples.append(Sample.now(since))
                show(samples[-1], monitor.stats, tally)
            injected, ends = server.happened()
            tasks.cancel_scope.cancel()
        tally.wrong += [f"{job_id}: lost" for job_id in sorted((ends & tally.watched) - tally.ended.keys())]
        tally.wrong += [f"{job_id}: reported {times} times" for job_id, times in tally.ended.items() if times > 1]
        tally.wrong += [f"{each.name}: left behind" for each in Path(folder).iterdir()]
        await leaks.settle(leaks.tasks, before.tasks)
        after = Sample.now(0.0)
    print(f"\n{injected.total():,} faults: {', '.join(f'{count} {kind}' for kind, count in injected.most_common())}")
    return tally.wrong + grown(before, samples, after)


def show(sample: Sample, stats: MonitorStats, tally: Tally) -> None:
    """Print what is held, and what was done so far."""
    print(
        f"{sample.at:5.0f} s  {sample.memory / 2**20:6.1f} MiB  {sample.descriptors:3d} descriptors  "
        f"{sample.tasks:3d} tasks  {sample.threads:2d} threads | {stats.pending:,} jobs  {stats.polls:,} polls  "
        f"{stats.requests:,} requests ({stats.list_requests:,} lists)  {stats.failed_polls} failed | "
        f"{tally.ended.total():,} ends  {tally.whole:,} files whole  "
        f"{tally.unclear} starts unclear  {len(tally.wrong)} wrong",
        flush=True,
    )


def grown(before: Sample, samples: list[Sample], after: Sample) -> list[str]:
    """Print by how much things grow in an hour, and return what is too much."""
    counts = ("descriptors", "tasks", "threads")
    warm = samples[len(samples) // 5 :]
    slopes = [f"{slope(warm, 'memory') / 2**20:.1f} MiB", *(f"{slope(warm, what):.1f} {what}" for what in counts)]
    print(f"an hour would add {', '.join(slopes)}")
    wrong = [
        f"{what}: {getattr(after, what)} at the end, {getattr(before, what)} at the beginning"
        for what in counts
        if getattr(after, what) > getattr(before, what)
    ]
    if (growth := max(each.memory for each in warm) - warm[0].memory) > MEMORY:
        wrong.append(f"memory: {growth / 2**20:.0f} MiB more than at {warm[0].at:.0f} s")
    return wrong


def main() -> None:
    """Run the soak and judge it."""
    parser = argparse.ArgumentParser(prog="python -m faults.soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=5_000, help="watched at once (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the run (default: %(default)s)")
    parser.add_argument(
        "--share", type=float, default=0.01, help="of the requests that go wrong (default: %(default)s)"
    )
    parser.add_argument("--life", type=float, default=900.0, help="seconds of a job, on average (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="what ends and faults follow from (default: %(default)s)")
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio", help="default: %(default)s")
    options = parser.parse_args()
    wrong = anyio.run(soak, options, backend=options.backend)
    print("\n".join(wrong or ["nothing was lost, reported twice, damaged or left over"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
