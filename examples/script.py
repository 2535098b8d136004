"""Create a benchmark, run it, watch a few jobs and read their results, all on this machine.

This needs no account and no network, because it uses the embedded backend. On the real platform, `Client()` takes the
place of the backend's client. `notebook.ipynb` does the same in a notebook.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from aiobench.local import LocalBackend
from aiobench.sync import Benchmark, Client, Finished, PollPolicy

OFTEN = PollPolicy(interval=0.2, backoff=1.0)  # these jobs take seconds; the defaults suit jobs of minutes


def one_job(benchmark: Benchmark) -> None:
    """Run a job and print its results in every form."""
    job = benchmark.start()
    snapshot = job.wait(timeout=300, progress=True).raise_for_status()

    print(f"\nScores of {benchmark.name!r}:", snapshot.scores_frame().round(2), sep="\n")
    print("\nFailed segments in percent:", snapshot.failure_rates_frame().round(2), sep="\n")
    explanations = snapshot.localized_explanations(metric_dependant=True)
    print(f"\nExplanations: {len(explanations)}")

    with TemporaryDirectory() as folder:
        path = job.download_results_as_csv(Path(folder) / "results.csv")
        print(f"\nThe results are a file of {path.stat().st_size:,} bytes.")
    segments = job.download_results_as_csv(return_dataframe=True)
    worst = segments.nsmallest(3, "chrF by sacrebleu")
    print("\nThree of the hardest segments:")
    print(worst[["Model", "source", "reference", "hypothesis"]].to_string(index=False))


def several_jobs(client: Client, benchmark: Benchmark) -> None:
    """Run three jobs at once and watch them in one stream."""
    jobs = [benchmark.start() for _ in range(3)]
    with client.monitor(jobs, timeout=300) as monitor:
        for event in monitor:
            match event:
                case Finished(job, snapshot):
                    print(f"Job {jobs.index(job) + 1} of {len(jobs)}: {snapshot.status}")
        stats = monitor.stats
    print(f"{stats.requests} requests answered {stats.polls} polls.")


def main() -> None:
    """Run everything."""
    with LocalBackend() as backend, backend.sync_client(poll=OFTEN) as client:
        benchmark = client.create_benchmark(
            "First steps",
            dataset="countries-de",
            models=["iso-strict", "nearest-name", "copy-source"],
            metrics=["bleu", "chrf"],
        )
        one_job(benchmark)
        print()
        several_jobs(client, benchmark)


if __name__ == "__main__":
    main()
