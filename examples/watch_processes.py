"""Watch more jobs than one process should: one process for each share of the benchmarks, each with its own journal.

    python watch_processes.py FOLDER PROCESSES BENCHMARK_ID …

The share is chosen by a hash of the benchmark's id, so that one job list still answers for all jobs of a benchmark,
and so that a restart finds each job in the journal that knows it. Change the number of processes only when the
journals hold no pending job.
"""

import asyncio
import multiprocessing
import sys
import zlib
from pathlib import Path

from aiobench import Client, Finished


def share_of(benchmark_id: str, processes: int) -> int:
    """Choose the process that watches a benchmark. `hash()` would not do: it differs from process to process."""
    return zlib.crc32(benchmark_id.encode()) % processes


async def watch(folder: Path, share: int, benchmark_ids: list[str]) -> None:
    """Watch all jobs of some benchmarks, and those that an earlier run left in the journal."""
    async with Client() as client:
        jobs = [job for benchmark_id in benchmark_ids for job in await client.list_jobs(benchmark_id)]
        async with client.monitor(jobs, timeout=24 * 3600, journal=folder / f"share-{share}.sqlite") as monitor:
            async for event in monitor:
                if isinstance(event, Finished):
                    print(f"share {share}: {event.job.id} is {event.snapshot.status}", flush=True)


def work(folder: Path, share: int, benchmark_ids: list[str]) -> None:
    """Run one share, in its own process."""
    asyncio.run(watch(folder, share, benchmark_ids))


def main(folder: Path, processes: int, benchmark_ids: list[str]) -> None:
    """Start the processes and wait for them."""
    shares: dict[int, list[str]] = {share: [] for share in range(processes)}
    for benchmark_id in benchmark_ids:
        shares[share_of(benchmark_id, processes)].append(benchmark_id)
    context = multiprocessing.get_context("spawn")  # a fork would copy an event loop, if there is one
    workers = [context.Process(target=work, args=(folder, *share)) for share in shares.items()]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    sys.exit(max(abs(worker.exitcode or 0) for worker in workers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
