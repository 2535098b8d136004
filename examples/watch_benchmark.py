"""Watch every job of a benchmark until all are done, and print the status of each.

export TEAM_API_KEY=…                # and BACKEND_URL=… for another platform, such as `aiobench serve`
python examples/watch_benchmark.py BENCHMARK_ID [SECONDS]
"""

import asyncio
import sys

from aiobench import Abandoned, Client, Finished, JobsWaitTimeoutError, PollFailed, StatusChanged


async def main(benchmark_id: str, timeout: float = 3600.0) -> int:
    """Return how many jobs did not complete."""
    failures = 0
    async with Client() as client:
        jobs = await client.list_jobs(benchmark_id)
        print(f"{len(jobs)} jobs of benchmark {benchmark_id}")
        try:
            async with client.monitor(jobs, timeout=timeout) as monitor:
                async for event in monitor:
                    match event:
                        case Finished(job=job, snapshot=snapshot):
                            failures += not snapshot.succeeded
                            rates = snapshot.failure_rates()
                            print(f"{job.id}: {job.status}, failure rates {rates}")
                        case Abandoned(job=job, error=error):
                            failures += 1
                            print(f"{job.id}: no longer watched, {error}")
                        case StatusChanged(job=job, previous=previous, status=status):
                            print(f"{job.id}: {previous} → {status}")
                        case PollFailed(jobs=asked, error=error):
                            print(f"retrying {len(asked)} jobs: {error}", file=sys.stderr)
                        case _:
                            pass
        except JobsWaitTimeoutError as late:
            failures += len(late.pending)
            print(f"not done in time: {', '.join(sorted(late.pending))}")
    return failures


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit(__doc__)
    sys.exit(1 if asyncio.run(main(sys.argv[1], *map(float, sys.argv[2:]))) else 0)
