"""`aiobench demo`: the main job from end to end, on an embedded platform."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from aiobench import ModelSpec, PollPolicy
from aiobench.cli.exits import reporting_errors
from aiobench.cli.next_steps import show_next_steps
from aiobench.cli.signals import run_interruptible
from aiobench.cli.tables import explanation_table, failure_table, score_table, show_table
from aiobench.cli.terminal import console_of_stdout, say
from aiobench.cli.watching import watching
from aiobench.errors import ConfigurationError
from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench demo -l fr -o results.csv"
METRICS = ("bleu", "chrf", "ter", "wer", "exact-match", "cer")  # those of translations; the others are for labels
EXPLAINED = "chrf"  # the metric whose explanation is shown: it grades where others say right or wrong
OFTEN = PollPolicy(interval=0.1, backoff=1.0)  # a job of seconds, on a local server
LONGEST = 120.0  # seconds after which something is wrong with this machine


class Language(StrEnum):
    """The target languages of the demo's datasets."""

    DE = "de"
    FR = "fr"


def command(
    *,
    language: Annotated[
        Language, typer.Option("--language", "-l", help="The language that the systems translate into.")
    ] = Language.DE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            dir_okay=False,
            writable=True,
            show_default="nothing is saved",
            help="Save the results of every segment here, as CSV.",
        ),
    ] = None,
) -> None:
    """Run a whole benchmark on this machine, with no account and no network.

    Starts an embedded platform, has real systems translate the names of the world's countries, watches the job and
    shows scores, failure rates and one explanation. Takes a few seconds.
    """
    with reporting_errors():
        console = console_of_stdout()
        if output is not None:
            _make_place_for(output)  # before the job, not after it
        with LocalBackend() as backend:
            say(console, f"Platform   {backend.base_url} (embedded: a real server on this machine)")
            run_interruptible(partial(_run, console, backend, f"countries-{language.value}", output))
        show_next_steps(console)


async def _run(console: Console, backend: LocalBackend, dataset: str, output: Path | None) -> None:
    async with backend.client(poll=OFTEN) as client:
        benchmark = await client.create_benchmark(
            backend.datasets[dataset],
            dataset=dataset,
            models=_models(backend),
            metrics=METRICS,
        )
        job = await benchmark.start()
        say(console, f"Benchmark  {benchmark.name}")
        say(console, f"Job        {job.id}\n")
        with watching(console) as show:
            snapshot = await job.wait(timeout=LONGEST, progress=show)
        snapshot.raise_for_status()
        for table in (score_table(snapshot), failure_table(snapshot), explanation_table(snapshot, EXPLAINED)):
            console.print()
            show_table(console, table)
        segments = sum(iteration.total_segments or 0 for iteration in snapshot.iterations)
        if output is None:
            say(console, f"\n-o FILE saves the results of all {segments:,} translations.")
        else:
            await job.download_results_as_csv(output)
            say(console, f"\nThe results of all {segments:,} translations are in {output}")


def _make_place_for(output: Path) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"the results cannot be saved as {output}: {error}; choose another --output"
        ) from error


def _models(backend: LocalBackend) -> list[ModelSpec]:
    """Run every model as it is, and one a second time with a parameter set: where unsure, it fails instead."""
    plain = [ModelSpec(model_id, name) for model_id, name in backend.models.items()]
    careful = ModelSpec("nearest-name", "Nearest name, if 95% alike", {"min_similarity": 95})
    return [*plain, careful]
