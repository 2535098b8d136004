"""F25 and F26: outages and kills while jobs are monitored."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import pytest

from aiobench import Abandoned, Client, Finished, PollPolicy
from faults.killed_starts import killed_starts
from faults.server import Answer, FaultServer, hold, reset

pytestmark = pytest.mark.anyio

INTERVAL = 0.2
STEADY = PollPolicy(interval=INTERVAL, max_interval=INTERVAL)
BENCHMARKS, JOBS = 10, 50

CONSUMER = """
import sys, anyio
from aiobench import Client, Finished, PollPolicy

async def main(url, journal, *ids):
    policy = PollPolicy(interval=0.01, max_interval=0.02)
    async with Client("key", base_url=url, poll=policy, trust_env=False) as client:
        async with client.monitor(ids, journal=journal) as monitor:
            print("begun", flush=True)
            async for event in monitor:
                if isinstance(event, Finished):
                    print(event.job.id, flush=True)
    print("done", flush=True)

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize("outage", [reset, hold], ids=["refused", "silent"])
async def test_f25_an_outage_loses_nothing_and_ends_quietly(server: FaultServer, outage: Answer) -> None:
    """F25: after an outage no job is lost or reported twice, and there are no more than 1.5 times as many requests."""
    ids = [f"b{benchmark}-{job}" for benchmark in range(BENCHMARKS) for job in range(JOBS)]
    for job_id in ids:
        server.add_job(job_id, "running", job_id.partition("-")[0])
    ended: list[str] = []

    async def requests_in(seconds: float) -> int:
        before, until = len(server.requests), monotonic() + seconds
        with anyio.move_on_after(seconds):
            await anyio.sleep_forever()
        # what the machine took longer is not the client's doing
        return round((len(server.requests) - before) * seconds / max(seconds, seconds + monotonic() - until))

    async with (
        Client("key", base_url=server.base_url, poll=STEADY, trust_env=False, timeout=0.5) as client,
        client.monitor([client.job(each, each.partition("-")[0]) for each in ids]) as monitor,
        anyio.create_task_group() as tasks,
    ):

        async def consume() -> None:
            ended.extend([event.job.id async for event in monitor if isinstance(event, Finished | Abandoned)])

        tasks.start_soon(consume)
        await requests_in(2 * INTERVAL)
        steady = await requests_in(4 * INTERVAL)
        server.script("GET", always=outage)
        await requests_in(6 * INTERVAL)
        server.script("GET")  # answers honestly again
        after = await requests_in(4 * INTERVAL)
        for job_id in ids:
            server.jobs[job_id]["status"] = "completed"
    assert sorted(ids) == sorted(ended)
    assert after <= 1.5 * max(steady, 4 * BENCHMARKS)


@pytest.mark.posix
def test_f26_a_killed_monitor_goes_on(server: FaultServer, tmp_path: Path, seed: int) -> None:
    """F26: killed at random points and restarted, no end is missed, and none reported again after it was handled."""
    chance = random.Random(seed)
    ids = [f"b1-{number}" for number in range(60)]
    for job_id in ids:
        server.add_job(job_id, "completed", "b1")
    reported: list[str] = []
    handled: set[str] = set()
    runs, is_done = 0, False
    while not is_done:
        here, is_done = lines_until_kill(server, tmp_path / "journal", ids if runs in {0, 3} else [], chance)
        runs += 1
        assert handled.isdisjoint(here)
        reported += here
        handled |= set(here[:-1])  # asking for the next event says that the one before is handled
    assert sorted(ids) == sorted(set(reported))
    assert runs >= 4


def lines_until_kill(
    server: FaultServer, journal: Path, ids: list[str], chance: random.Random
) -> tuple[list[str], bool]:
    """Monitor in a process that is killed after a few ends; return the ends it reported, and whether it was through."""
    lines: list[str] = []
    wanted = 1 + chance.randrange(15)
    command = [sys.executable, "-c", CONSUMER, server.base_url, str(journal), *ids]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == wanted and "done" not in lines:
                process.kill()
    assert process.returncode in {0, -signal.SIGKILL}
    return [line for line in lines if line not in {"begun", "done"}], "done" in lines


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_f26_manual_acknowledgement(
    server: FaultServer, tmp_path: Path, new_client: Callable[..., Client], acknowledged: bool
) -> None:
    """F26: with `ack="manual"` an end comes again after a restart until `ack()` was called."""
    server.add_job("j", "completed")
    journal = tmp_path / "journal"
    async with new_client().monitor(["j"], journal=journal, ack="manual") as monitor:
        async for event in monitor:
            assert isinstance(event, Finished)
            if acknowledged:
                await monitor.ack(event)
    async with new_client().monitor(["j"], journal=journal, ack="manual") as monitor:
        again = [event.job.id async for event in monitor if isinstance(event, Finished)]
    assert ([] if acknowledged else ["j"]) == again


async def test_f26_an_end_is_handled_when_the_next_is_asked_for(
    server: FaultServer, tmp_path: Path, new_client: Callable[..., Client]
) -> None:
    """F26: leaving the loop in the middle of an end leaves that end unhandled; the ones before it are handled."""
    for job_id in ("b1-0", "b1-1", "b1-2"):
        server.add_job(job_id, "completed", "b1")
    journal = tmp_path / "journal"
    seen: list[str] = []
    async with new_client().monitor(["b1-0", "b1-1", "b1-2"], journal=journal) as monitor:
        async for event in monitor:
            assert isinstance(event, Finished)
            seen.append(event.job.id)
            if len(seen) == 2:
                break
    async with new_client().monitor(journal=journal) as monitor:
        rest = [event.job.id async for event in monitor if isinstance(event, Finished)]
    assert {"b1-0", "b1-1", "b1-2"} - {seen[0]} == set(rest)


ADDER = """
import os, sys, anyio
import aiobench._journal.recorder
from aiobench import Client

aiobench._journal.recorder.MOMENT = 30.0  # a busy machine may take longer than the event loop is held

async def main(url, journal):
    async with Client("key", base_url=url, trust_env=False) as client:
        async with client.monitor(journal=journal, keep_open=True) as monitor:
            monitor.add("b1-0", "b1-1")
            os._exit(0)

anyio.run(main, *sys.argv[1:])
"""


async def test_f26_an_added_job_is_recorded(
    server: FaultServer, tmp_path: Path, new_client: Callable[..., Client]
) -> None:
    """F26: a process that ends in the moment after `add()` has not lost the job."""
    for job_id in ("b1-0", "b1-1"):
        server.add_job(job_id, "completed", "b1")
    journal = tmp_path / "journal"
    subprocess.run([sys.executable, "-c", ADDER, server.base_url, str(journal)], check=True, timeout=60)
    async with new_client().monitor(journal=journal) as monitor:
        assert sorted([event.job.id async for event in monitor if isinstance(event, Finished)]) == ["b1-0", "b1-1"]


async def test_f26_a_job_added_while_the_journal_opens(
    server: FaultServer, tmp_path: Path, new_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """F26: another task may add jobs while the monitor is being entered; they are recorded and watched, too."""
    for job_id in ("b1-0", "b1-1"):
        server.add_job(job_id, "completed", "b1")
    monitor = new_client().monitor(["b1-0"], journal=tmp_path / "journal", timeout=30)
    assert monitor._intake._recorder is not None
    recorder = monitor._intake._recorder
    record = recorder._recording

    def record_and_add(jobs: list[Any]) -> object:
        recording = record(jobs)
        if jobs == ["b1-0"]:
            monitor.add("b1-1")
        return recording

    monkeypatch.setattr(recorder, "_recording", record_and_add)
    async with monitor:
        assert sorted([event.job.id async for event in monitor if isinstance(event, Finished)]) == ["b1-0", "b1-1"]


def test_f37_killed_around_starts(server: FaultServer, tmp_path: Path, seed: int) -> None:
    """F37: killed at random points around starts, each wish ends as one watched job, or as one event that is right."""
    ends = killed_starts(server, tmp_path / "journal", kills=4, seed=seed)
    assert ends["watched"] > 0
