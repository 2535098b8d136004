"""The shapes of docs/reference/wire.md: jobs, benchmarks and assets as JSON documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiobench.local.catalogue.metrics import Metric
    from aiobench.local.catalogue.models import Model
    from aiobench.local.datasets import Dataset
    from aiobench.local.engine.benchmarks import Benchmark, ModelRun
    from aiobench.local.engine.records import Iteration, Job

__all__ = [
    "benchmark_document",
    "dataset_document",
    "job_document",
    "job_list_entry",
    "metric_document",
    "model_document",
]


def _when(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def benchmark_document(benchmark: Benchmark) -> dict[str, Any]:
    """Describe a benchmark."""
    return {
        "id": benchmark.id,
        "name": benchmark.name,
        "model": [{"id": run.model_id} for run in benchmark.models],
        "datasets": [benchmark.dataset_id],
        "metrics": _metrics(benchmark),
    }


def _metrics(benchmark: Benchmark) -> list[dict[str, Any]]:
    configurations: dict[str, list[list[str]]] = {}
    for scorer in benchmark.scorers:
        configurations.setdefault(scorer.metric.id, []).append(list(scorer.normalization))
    return [{"id": metric_id, "configurations": chosen} for metric_id, chosen in configurations.items()]


def job_list_entry(job_id: str, benchmark_id: str, status: str, created: float, updated: float) -> dict[str, Any]:
    """Describe a job briefly, as in the list of a benchmark's jobs."""
    return {
        "jobId": job_id,
        "status": status,
        "benchmark": {"id": benchmark_id},
        "createdAt": _when(created),
        "updatedAt": _when(updated),
    }


def job_document(job: Job, *, now: float, report_url: str) -> dict[str, Any]:
    """Describe a job in full.

    Args:
        job: The job.
        now: Seconds since the epoch.
        report_url: Where its results are, or an empty string.

    Returns:
        The document.
    """
    done = sum(iteration.done for iteration in job.iterations)
    total = job.segments * len(job.iterations)
    document: dict[str, Any] = {
        "id": f"document-{job.id}",
        "createdAt": _when(job.created),
        "updatedAt": _when(job.updated),
        "startedAt": _when(job.started),
        "jobId": job.id,
        "benchmark": benchmark_document(job.benchmark),
        "status": job.status,
        "stage": job.status,
        "iterations": [
            _iteration_document(job, iteration, run)
            for iteration, run in zip(job.iterations, job.benchmark.models, strict=True)
        ],
        "time": _time(job, now, done, total),
        "progress": _progress(job, done, total),
        "segmentsCount": str(job.segments),
        "reportUrl": report_url,
        "overheadCredits": 0,
        "metadata": [],
    }
    if job.explanation is not None:
        document["explanation"] = job.explanation
    return document


def _iteration_document(job: Job, iteration: Iteration, run: ModelRun) -> dict[str, Any]:
    pipeline: dict[str, Any] = {
        "id": run.model_id,
        "iterationId": iteration.number,
        "pipeline": {"links": [], "nodes": []},
    }
    if run.display_name is not None:
        pipeline["benchmark"] = {"displayName": run.display_name, "configurations": run.configuration}
    return {
        "id": f"{job.id}-{iteration.number}",
        "iterationId": iteration.number,
        "name": f"i_{iteration.number}",
        "dataset": job.benchmark.dataset_id,
        "pipeline": run.model_id,
        "pipelineJson": json.dumps(pipeline),
        "status": iteration.status,
        "credits": iteration.credits,
        "runtime": iteration.runtime,
        "failedSegments": iteration.failed,
        "totalSegments": job.segments,
        "successRate": 100 * (iteration.done - iteration.failed) / iteration.done if iteration.done else None,
        "scores": iteration.scores,
    }


def _time(job: Job, now: float, done: int, total: int) -> dict[str, Any]:
    runtime = (job.ended or now) - job.started if job.started is not None else 0.0
    remaining = None if job.ended is None else 0.0
    if job.ended is None and done:
        remaining = runtime * (total - done) / done
    return {
        "startAt": _when(job.started),
        "endAt": _when(job.ended),
        "runtime": runtime,
        "remaining": remaining,
    }


def _progress(job: Job, done: int, total: int) -> dict[str, Any]:
    statuses = [iteration.status for iteration in job.iterations]
    completed, failed = statuses.count("completed"), statuses.count("failed")
    return {
        "completedPercentage": 100 * done // total,
        "completedIterations": completed,
        "failedIterations": failed,
        "remainingIterations": len(statuses) - completed - failed,
        "usedCredits": sum(iteration.credits for iteration in job.iterations),
    }


def model_document(model_id: str, model: Model) -> dict[str, Any]:
    """Describe a model, as the SDK reads it."""
    return {
        "id": model_id,
        "name": model.label,
        "description": model.description,
        "status": "onboarded",
        "supplier": {"id": model.supplier, "name": model.supplier},
        "pricing": {"price": model.price / 1000, "unitType": "CHAR"},
        "function": {"id": "translation", "name": "Translation"},
        "params": [
            {
                "name": name,
                "required": False,
                "isFixed": False,
                "dataType": "text",
                "dataSubType": "text",
                "multipleValues": False,
                "values": [],
                "defaultValues": [{"value": default}],
            }
            for name, default in model.parameters.items()
        ],
        "version": {"id": "1"},
    }


def metric_document(metric: Metric) -> dict[str, Any]:
    """Describe a metric, as the SDK reads it."""
    return {
        "id": metric.id,
        "name": metric.name,
        "supplier": metric.supplier,
        "referenceRequired": True,
        "sourceRequired": False,
        "normalizedPrice": 0,
        "function": "text-generation-metric",
    }


def dataset_document(dataset: Dataset) -> dict[str, Any]:
    """Describe a dataset, as the SDK reads it."""
    columns = {
        "source": dataset.source_language,
        "reference": dataset.target_language,
        "topic": dataset.source_language,
    }
    return {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "function": "translation",
        "status": "onboarded",
        "segmentsCount": str(len(dataset.segments)),
        "data": [
            {
                "id": f"{dataset.id}-{name}",
                "name": name,
                "dataType": "text",
                "dataSubtype": "topic" if name == "topic" else "other",
                "status": "onboarded",
                "metadata": {"languages": [{"language": language, "dialect": ""}]},
            }
            for name, language in columns.items()
        ],
        "input": [{"dataId": f"{dataset.id}-source"}],
        "output": [{"dataIds": [f"{dataset.id}-reference"]}],
        "metadata": [{"dataId": f"{dataset.id}-topic"}],
        "hypotheses": [],
    }
