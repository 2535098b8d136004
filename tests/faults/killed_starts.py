"""F37: processes that start jobs and are killed, on a platform that sometimes loses the answer.

`nox -s kills -- [KILLS] [SEED]` is the long run; the suite makes a short one.
"""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from faults.server import Exchange, FaultServer, reset, running

__all__ = ["killed_starts"]

PROGRAM = """
import sys, anyio
from aiobench import APIError, Client, Finished, PollPolicy, StartInterrupted, StartOutcomeUnknownError

def say(*what):
    print(repr(what), flush=True)

async def main(url, journal, *wishes):
    policy = PollPolicy(interval=0.05, max_interval=0.1)
    async with Client("key", base_url=url, poll=policy, trust_env=False, max_retries=1) as client:
        async with client.monitor(journal=journal, keep_open=True) as monitor, anyio.create_task_group() as tasks:
            async def ask(wish):
                say("wish", wish)
                try:
                    say("started", wish, (await monitor.start("b" + wish, note=wish)).id)
                except StartOutcomeUnknownError:
                    say("unknown", wish)
                except APIError as error:
                    say("refused", wish)

            async def ask_all():
                for wish in wishes:
                    await ask(wish)
                if not wishes:
                    monitor.drain()

            tasks.start_soon(ask_all)
            async for event in monitor:
                if isinstance(event, Finished):
                    say("finished", event.note, event.job.id)
                elif isinstance(event, StartInterrupted):
                    say("interrupted", event.note, event.benchmark_id, event.candidates)
    say("done")

anyio.run(main, *sys.argv[1:])
"""


class LossyPlatform:
    """Starts jobs, and now and then loses the request, or the answer, or takes its time."""

    def __init__(self, server: FaultServer, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        server.script("POST", always=self)

    async def __call__(self, exchange: Exchange) -> None:
        kind = self._chance.choice(["good", "good", "good", "lost", "answer lost"])
        if kind == "lost":
            await reset(exchange)
        elif kind == "answer lost":
            self._server.start(exchange.request.path.split("/")[-2])
            await reset(exchange)
        else:
            await self._server.behave(exchange)


def killed_starts(server: FaultServer, journal: Path, *, kills: int, seed: int) -> Counter[str]:
    """Kill a process that starts jobs again and again; return how often what came of a wish.

    Raises:
        AssertionError: If a wish ended otherwise than promised.
    """
    chance = random.Random(seed)
    LossyPlatform(server, seed)
    said: list[tuple[object, ...]] = []
    asked = 0
    for _ in range(kills):
        wishes = [str(number) for number in range(asked, asked + 12)]
        asked += len(wishes)
        said += said_until_kill(server, journal, wishes, wanted=chance.randrange(1, 14), delay=0.01 * chance.random())
    for document in server.jobs.values():
        document["status"] = "completed"
    while ("done",) not in said:
        said += said_until_kill(server, journal, [], wanted=10**9, delay=0.0)
    return Counter(outcome(server, str(number), said) for number in range(asked))


def said_until_kill(
    server: FaultServer, journal: Path, wishes: list[str], *, wanted: int, delay: float
) -> list[tuple[object, ...]]:
    """Run the program until it has said so much and a little longer; return all that it said."""
    said: list[tuple[object, ...]] = []
    command = [sys.executable, "-c", PROGRAM, server.base_url, str(journal), *wishes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):  # cut by the kill
                break
            said.append(ast.literal_eval(line))
            if len(said) == wanted:
                time.sleep(delay)
                process.kill()
    assert wanted <= len(said) or said[-1:] == [("done",)]
    return said


def outcome(server: FaultServer, wish: str, said: list[tuple[object, ...]]) -> str:
    """Judge what came of a wish: the platform knows the truth."""
    created = {job_id for job_id, document in server.jobs.items() if document["benchmark"]["id"] == "b" + wish}
    finished = {each[2] for each in said if each[:2] == ("finished", wish)}
    interrupted = {each[3] for each in said if each[:2] == ("interrupted", wish)}
    reported = {each[0] for each in said if each[1:2] == (wish,)} & {"unknown", "refused"}
    assert len(created) <= 1, f"wish {wish} started {created}"
    assert len(interrupted) <= 1, f"wish {wish}: reported as {interrupted}"
    if finished:
        assert finished == created, f"wish {wish}: watched {finished}, started {created}"
        assert not interrupted
        return "watched"
    if interrupted:
        (candidates,) = interrupted
        assert set(candidates) == created, f"wish {wish}: candidates {candidates}, started {created}"
        return "interrupted, nothing started" if not created else "interrupted, candidates"
    if reported:
        assert not created or "unknown" in reported, f"wish {wish}: reported {reported}, started {created}"
        return "error to the caller"
    assert not created, f"wish {wish}: {created} was started, and nobody knows"
    return "killed before the wish"


def main() -> None:
    """Make the long run."""
    kills, seed = (int(each) for each in (*sys.argv[1:], "300", "0")[:2])
    with running(seed) as server, tempfile.TemporaryDirectory() as folder:
        print(dict(killed_starts(server, Path(folder) / "journal", kills=kills, seed=seed)))


if __name__ == "__main__":
    main()
