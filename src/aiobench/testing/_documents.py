"""The fake platform's documents, in the shapes of docs/reference/wire.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiobench.testing._courses import SUCCEEDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiobench.testing.jobs import FakeBenchmark, FakeJob

__all__ = [
    "METRICS",
    "benchmark_document",
    "dataset_document",
    "job_document",
    "job_list_entry",
    "metric_document",
    "model_document",
]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # when every fake platform begins
METRICS = {
    "bleu": "BLEU by sacrebleu",
    "chrf": "chrF by sacrebleu",
    "ter": "TER by sacrebleu",
    "wer": "WER by jiwer",
}
LOWER_IS_BETTER = ("TER", "WER", "CER")


def _when(seconds: float) -> str:
    moment = EPOCH + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def benchmark_document(benchmark: FakeBenchmark) -> dict[str, Any]:
    return {
        "id": benchmark.id,
        "name": benchmark.name,
        "model": [{"id": model} for model in benchmark.models],
        "datasets": [benchmark.dataset],
        "metrics": [{"id": metric, "configurations": [[]]} for metric in benchmark.metrics],
    }


def job_list_entry(job: FakeJob) -> dict[str, Any]:
    return {
        "jobId": job.id,
        "status": job.status,
        "benchmark": {"id": job.benchmark_id},
        "createdAt": _when(job.started_at),
        "updatedAt": _when(job.updated_at),
    }


def job_document(job: FakeJob, benchmark: FakeBenchmark, report_url: str) -> dict[str, Any]:
    outcome, status = job.outcome, job.status
    models = list(dict.fromkeys([*outcome.scores, *outcome.failures])) or benchmark.models
    iterations = [_iteration(job, benchmark, number, model) for number, model in enumerate(models)]
    failed = sum(each["status"] == "failed" for each in iterations)
    completed = sum(each["status"] == "completed" for each in iterations)
    document: dict[str, Any] = {
        "id": f"document-{job.id}",
        **job_list_entry(job),
        "startedAt": _when(job.started_at),
        "benchmark": benchmark_document(benchmark),
        "stage": status,
        "iterations": iterations,
        "time": {
            "startAt": _when(job.started_at),
            "endAt": _when(job.updated_at) if job.has_ended else None,
            "runtime": job.updated_at - job.started_at,
            "remaining": 0.0 if job.has_ended else None,
        },
        "progress": {
            "completedPercentage": job.percentage,
            "completedIterations": completed,
            "failedIterations": failed,
            "remainingIterations": len(iterations) - completed - failed,
            "usedCredits": 0.0,
        },
        "segmentsCount": str(outcome.segments),
        "reportUrl": report_url,
        "overheadCredits": 0,
        "metadata": [],
    }
    if job.has_ended and outcome.explanation is not None:
        document["explanation"] = outcome.explanation
    return document


def _iteration(job: FakeJob, benchmark: FakeBenchmark, number: int, model: str) -> dict[str, Any]:
    pipeline: dict[str, Any] = {"id": model, "iterationId": number, "pipeline": {"links": [], "nodes": []}}
    if model in benchmark.display_names:
        pipeline["benchmark"] = {"displayName": benchmark.display_names[model]}
    outcome, is_over = job.outcome, job.has_ended
    failed = min(outcome.failures.get(model, 0), outcome.segments)
    is_failed = bool(outcome.segments) and failed == outcome.segments
    status = job.status
    if is_over:
        status = "completed" if status in SUCCEEDED and not is_failed else "failed"
    return {
        "id": f"{job.id}-{number}",
        "iterationId": number,
        "name": f"i_{number}",
        "dataset": benchmark.dataset,
        "pipeline": model,
        "pipelineJson": json.dumps(pipeline),
        "status": status,
        "credits": 0.0,
        "runtime": job.updated_at - job.started_at,
        "failedSegments": failed if is_over else 0,
        "totalSegments": outcome.segments,
        "successRate": 100 * (outcome.segments - failed) / outcome.segments if is_over and outcome.segments else None,
        "scores": [_score(*each, failed, outcome.segments) for each in outcome.scores.get(model, {}).items()]
        if is_over
        else [],
    }


def _score(long_name: str, value: float | Mapping[str, Any], failed: int, segments: int) -> dict[str, Any]:
    name, _, _ = long_name.partition(" by ")
    given = value if not isinstance(value, int | float) else {"average": value, "mean": value, "weightedAverage": value}
    return {
        "longName": long_name,
        "name": name,
        "unit": "%" if name in {"BLEU", "chrF", "TER"} else "",
        "lowerIsBetter": name in LOWER_IS_BETTER,
        "count": segments - failed,
        "failedSegmentsCount": failed,
        **given,
    }


def metric_document(metric: str) -> dict[str, Any]:
    name, _, supplier = METRICS.get(metric, metric).partition(" by ")
    return {
        "id": metric,
        "name": name,
        "supplier": supplier,
        "referenceRequired": True,
        "sourceRequired": False,
        "normalizedPrice": 0,
        "function": "text-generation-metric",
    }


def model_document(model: str) -> dict[str, Any]:
    return {
        "id": model,
        "name": model,
        "status": "onboarded",
        "supplier": {"id": "fake", "name": "fake"},
        "pricing": {"price": 0, "unitType": "CHAR"},
        "function": {"id": "translation", "name": "Translation"},
        "params": [],
        "version": {"id": "1"},
    }


def dataset_document(dataset: str) -> dict[str, Any]:
    return {
        "id": dataset,
        "name": dataset,
        "description": "",
        "function": "translation",
        "status": "onboarded",
        "segmentsCount": "8",
        "data": [],
        "input": [],
        "output": [],
        "metadata": [],
        "hypotheses": [],
    }
