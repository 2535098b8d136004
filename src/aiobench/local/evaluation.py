"""`evaluate()`: scores the user's own data on this machine and returns what a job would."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.from_thread
import anyio.to_thread
import msgspec
from anyio.from_thread import BlockingPortal
from attrs import frozen

from aiobench import _progress
from aiobench._results import lazy_pandas as pd
from aiobench.errors import ConfigurationError, MissingExtraError
from aiobench.snapshot import JobSnapshot

if TYPE_CHECKING:
    from aiobench.local.catalogue.models import Model
    from aiobench.local.datasets import Dataset
    from aiobench.local.engine.benchmarks import Benchmark
    from aiobench.local.engine.records import SegmentResult

__all__ = ["Evaluation", "evaluate", "evaluate_async"]

OutputModel = Callable[[str], "str | Awaitable[str]"]
MetricChoice = str | Callable[[str, str], float]


@frozen(repr=False)
class Evaluation:
    """The result of `evaluate()`, in the shapes of a platform job.

    Attributes:
        snapshot: A job document: scores, failure rates and explanations.
        segments: The results frame, one row per segment and model, for `aiobench.analysis`. Columns of the data that
            have no role of their own, such as a document's id, come last.
    """

    snapshot: JobSnapshot
    segments: pd.DataFrame

    def __repr__(self) -> str:
        models, rows = len(self.snapshot.iterations), len(self.segments)
        return f"<Evaluation of {models} models on {rows // max(models, 1):,} segments>"


def evaluate(
    data: pd.DataFrame | str | os.PathLike[str],
    *,
    source: str = "source",
    reference: str = "reference",
    predictions: Sequence[str] = (),
    models: Mapping[str, OutputModel] | None = None,
    metrics: Sequence[MetricChoice] = ("bleu", "chrf"),
    progress: bool = False,
) -> Evaluation:
    """Score predictions, or run models and score their outputs, on this machine.

    Works in scripts and notebooks alike. A prediction that is missing, and a source that a model raises on, is a failed
    segment of that model.

    Args:
        data: A frame, or the path of a CSV, JSON lines or Parquet file, with one row per segment. A column
            `segment_id` or `id` holds the segments' ids; otherwise rows are numbered from 0.
        source: The column that models are given.
        reference: The column that outputs are compared with.
        predictions: Columns with a model's outputs each, named by the column.
        models: Functions of one source, plain or async, by name.
        metrics: `bleu`, `chrf`, `ter`, `wer`, `cer`, `exact match`, `accuracy` or `f1`, or functions of (hypothesis,
            reference). A function's attribute `lower_is_better` is its direction.
        progress: Whether to show a line that moves.

    Returns:
        The evaluation.

    Raises:
        ConfigurationError: If the data, a column, a model or a metric cannot be used; all mistakes are listed.
        MissingExtraError: If the extra `local` is not installed.
    """
    prepare = partial(_prepared, data, source, reference, predictions, models or {}, metrics)

    async def run() -> Evaluation:
        return await _evaluated(prepare, progress=progress)

    # In a thread of its own: a notebook's has a running event loop already.
    with anyio.from_thread.start_blocking_portal() as portal:
        return portal.call(run)


async def evaluate_async(
    data: pd.DataFrame | str | os.PathLike[str],
    *,
    source: str = "source",
    reference: str = "reference",
    predictions: Sequence[str] = (),
    models: Mapping[str, OutputModel] | None = None,
    metrics: Sequence[MetricChoice] = ("bleu", "chrf"),
    progress: bool = False,
) -> Evaluation:
    """The same as `evaluate()`, without blocking the event loop. Async models run in it, plain ones in a thread.

    Cancelling it takes effect after the segment at hand.

    Args:
        data: As in `evaluate()`.
        source: As in `evaluate()`.
        reference: As in `evaluate()`.
        predictions: As in `evaluate()`.
        models: As in `evaluate()`.
        metrics: As in `evaluate()`.
        progress: As in `evaluate()`.

    Returns:
        The evaluation.

    Raises:
        ConfigurationError: If the data, a column, a model or a metric cannot be used; all mistakes are listed.
        MissingExtraError: If the extra `local` is not installed.
    """
    prepare = partial(_prepared, data, source, reference, predictions, models or {}, metrics)
    return await _evaluated(prepare, progress=progress)


async def _evaluated(prepare: Callable[[], _Prepared], *, progress: bool) -> Evaluation:
    try:
        prepared = await anyio.to_thread.run_sync(prepare)
    except ImportError as error:
        if isinstance(error, MissingExtraError):
            raise
        raise MissingExtraError("aiobench.local", extra="local") from error
    async with _progress.of_jobs("segments", progress=progress) as show, BlockingPortal() as portal:
        return await anyio.to_thread.run_sync(prepared.run, show, portal)
    raise AssertionError("neither of the two swallows an error")


@frozen
class _Prepared:
    """Checked data, models and metrics."""

    dataset: Dataset
    models: dict[str, Model]
    benchmark: Benchmark

    def run(self, show: Callable[..., None], portal: BlockingPortal) -> Evaluation:
        """Run all models in a worker thread; the portal leads back to its event loop."""
        from aiobench.local.engine.awaiting import awaited
        from aiobench.local.engine.executors import InThisProcess
        from aiobench.local.engine.segments import Task

        started = time.time()
        total, failed = len(self.dataset.segments) * len(self.models), 0
        runs: list[list[SegmentResult]] = []
        done = 0
        here = InThisProcess(lambda output, seconds: portal.call(awaited, output, seconds))
        for model in self.models.values():
            results: list[SegmentResult] = []
            task = Task(model, {}, self.dataset, self.benchmark.scorers)
            with closing(here.results(task, first=0, halted=_halted)) as segments:
                for result in segments:
                    _halted()
                    results.append(result)
                    done += 1
                    failed += result.failure is not None
                    show(done, total, failed)
            runs.append(results)
        return _evaluation(self.benchmark, self.dataset, runs, started)


def _halted() -> bool:
    """Raise the cancellation of the calling task, if it was cancelled."""
    anyio.from_thread.check_cancelled()
    return False


def _prepared(
    data: object,
    source: str,
    reference: str,
    predictions: Sequence[str],
    models: Mapping[str, OutputModel],
    metrics: Sequence[MetricChoice],
) -> _Prepared:
    from aiobench.local.catalogue.datasets import Columns, make_dataset, table_of
    from aiobench.local.catalogue.metrics import Scorer, chosen_metric
    from aiobench.local.catalogue.models import PredictionsModel
    from aiobench.local.catalogue.problems import DataError, refuse
    from aiobench.local.catalogue.registered import registered_models
    from aiobench.local.engine.benchmarks import Benchmark, ModelRun

    columns = [predictions] if isinstance(predictions, str) else list(predictions)
    chosen = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
    mistakes: list[str] = []
    if not columns and not models:
        mistakes.append("there is nothing to evaluate: name columns with predictions=[…] or functions with models={…}")
    if not chosen:
        mistakes.append("metrics is empty; name at least one, such as 'bleu'")
    twice = sorted({name for name in columns if columns.count(name) > 1 or name in models})
    mistakes += [f"there are two models named {name!r}" for name in twice]
    scorers, offered = [], {}
    for wanted in chosen:
        try:
            scorers.append(Scorer(chosen_metric(wanted), ()))
        except ConfigurationError as error:
            mistakes.append(str(error))
    names = [scorer.long_name for scorer in dict.fromkeys(scorers)]
    mistakes += [
        f"there are two metrics named {name!r}; give each function a name of its own"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    try:
        offered = registered_models(models)
    except ConfigurationError as error:
        mistakes.append(str(error))
    dataset = None
    try:
        table = table_of(data)
        mistakes += [
            f"{table.origin} has no column {name!r} of predictions; it has {', '.join(map(repr, table.columns))}"
            for name in columns
            if name not in table.columns
        ]
        dataset = make_dataset(
            "data", table, Columns(source=source, reference=reference), keep=columns, name=_named(data)
        )
    except DataError as error:
        mistakes += error.mistakes
    refuse(mistakes)
    assert dataset is not None  # otherwise there was a mistake
    all_models: dict[str, Model] = {name: PredictionsModel(name, name) for name in columns} | offered
    benchmark = Benchmark(
        secrets.token_hex(12),
        f"Evaluation of {dataset.name}",
        dataset.id,
        tuple(ModelRun(name, name, {}) for name in all_models),
        tuple(dict.fromkeys(scorers)),
    )
    return _Prepared(dataset, all_models, benchmark)


def _named(data: object) -> str:
    return Path(data).name if isinstance(data, str | os.PathLike) else "a frame"


def _evaluation(benchmark: Benchmark, dataset: Dataset, runs: list[list[SegmentResult]], started: float) -> Evaluation:
    from aiobench.local.engine.explain import explain
    from aiobench.local.engine.records import Iteration, Job
    from aiobench.local.engine.results import results_file
    from aiobench.local.engine.scores import score_entries, status_of
    from aiobench.local.finished import frame_of, snapshot_of_job

    def as_raw(content: object) -> msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(content))

    now = time.time()
    iterations = [
        Iteration(
            number=number,
            status=status_of(results),
            done=len(results),
            failed=sum(result.failure is not None for result in results),
            credits=0.0,
            runtime=sum(result.runtime for result in results),
            scores=as_raw(score_entries(benchmark.scorers, results, dataset.segments)),
        )
        for number, results in enumerate(runs)
    ]
    job = Job(
        id=f"local-{secrets.token_hex(8)}",
        benchmark=benchmark,
        status="completed",
        segments=len(dataset.segments),
        created=started,
        updated=now,
        started=started,
        ended=now,
        explanation=as_raw(explain(benchmark, dataset, runs)),
        iterations=tuple(iterations),
    )
    with tempfile.TemporaryDirectory(prefix="aiobench-evaluation-") as folder:
        path = Path(folder) / "results.csv"
        outputs = [run.model_id for run in benchmark.models]
        with results_file(path, benchmark, dataset, leave_out=outputs) as write:
            for run, results in zip(benchmark.models, runs, strict=True):
                write(run, results)
        return Evaluation(snapshot_of_job(job), frame_of(job, path))
