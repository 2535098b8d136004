"""A job at one poll."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import cached_property
from typing import Any, Self

import msgspec
from attrs import frozen

from aiobench._display import UNKNOWN, Card, Displayed, counted, figure
from aiobench._errors import InvalidResponseError, JobError
from aiobench._redaction import without_query
from aiobench._results import explanations as _explanations
from aiobench._results import failure_rates as _failure_rates
from aiobench._results import frames as _frames
from aiobench._results import lazy_pandas as pd
from aiobench._results import scores as _scores
from aiobench._results.names import named_scores
from aiobench._wire import documents
from aiobench._wire.coercion import mapping, moment, text
from aiobench._wire.decoding import MalformedDocumentError, decoded, look
from aiobench._wire.heads import JobHead, job_head
from aiobench._wire.statuses import SUCCEEDED, normalized, shown
from aiobench.documents import Explanations, Iteration, Metric, Progress, ScoreDetail, ScoreRow

__all__ = ["JobFailedError", "JobSnapshot", "run_time", "snapshot_of"]


@frozen(eq=False, repr=False)
class JobSnapshot(Displayed):
    """A job at one poll: what the platform replied, and when.

    The document is decoded when it is first needed. Every method reads from that document and makes no request.

    Attributes:
        id: The job's id.
        status: Its status, as the platform spells it.
        benchmark_id: The benchmark it is a run of.
        polled_at: When the reply arrived, by this machine's clock, in UTC.
        is_terminal: Whether the job has ended, by the `PollPolicy` that polled it.
    """

    id: str
    status: str
    benchmark_id: str
    polled_at: datetime
    is_terminal: bool
    _head: JobHead
    _body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether the job's status is `completed`, `success` or `succeeded`; single models may still have failed."""
        return normalized(self.status) in SUCCEEDED

    @cached_property
    def progress(self) -> Progress:
        """How far the job is, by its own account."""
        return documents.progress(self._head.progress)

    @cached_property
    def iterations(self) -> tuple[Iteration, ...]:
        """One entry per model, in the document's order."""
        return documents.iterations(self._document)

    @property
    def failed_iterations(self) -> tuple[Iteration, ...]:
        """The iterations with the status `failed`."""
        return tuple(each for each in self.iterations if each.status and normalized(each.status) == "failed")

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The job's metrics, in the order in which the document first mentions them.

        Each `long_name` is the metric's name in `score_rows()`, where a second score of the same name gets a number.
        """
        found: dict[str, Metric] = {}
        for iteration in self.iterations:
            for name, score in named_scores(iteration.scores or ()):
                found.setdefault(name, Metric(name, score.name, score.unit, score.lower_is_better))
        return tuple(found.values())

    @cached_property
    def benchmark_name(self) -> str | None:
        """The benchmark's name, or None if the document does not say."""
        return text(mapping(self._document.get("benchmark")).get("name")) or None

    @cached_property
    def started_at(self) -> datetime | None:
        """When the job started, by the platform's clock, in UTC."""
        return moment(self._document.get("startedAt"))

    @cached_property
    def updated_at(self) -> datetime | None:
        """When the job last changed, by the platform's clock, in UTC."""
        return moment(self._document.get("updatedAt"))

    @cached_property
    def report_url(self) -> str | None:
        """Where the results CSV is. Its query may hold a signature: do not print or store it."""
        return text(self._document.get("reportUrl")) or None

    @cached_property
    def raw(self) -> Mapping[str, Any]:
        """The document as the platform sent it, without the query of `reportUrl`; a copy that you may change."""
        return self._unsigned()

    def raise_for_status(self) -> Self:
        """Raise an error if the job has ended without success.

        Returns:
            The snapshot itself, so that calls can be chained.

        Raises:
            JobFailedError: If the job has ended and has not `succeeded`.
        """
        if self.is_terminal and not self.succeeded:
            benchmark = f" of benchmark {self.benchmark_id}" if self.benchmark_id else ""
            raise JobFailedError(
                f"job {self.id}{benchmark} ended with status {shown(self.status)!r}; "
                "see the error's snapshot.failed_iterations for the models that failed",
                job_id=self.id,
                snapshot=self,
            )
        return self

    def score_rows(self) -> list[ScoreRow]:
        """Read the average of each model on each metric.

        Returns:
            One row per model: `{"Model": name, metric: average, …}`. Models or metrics with the same name are told
            apart: `LLM`, `LLM (2)`.

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _scores.score_rows(self._document)

    def scores_frame(self) -> pd.DataFrame:
        """Read the average of each model on each metric, as a frame.

        Returns:
            A frame with the column `Model` and one float column per metric; `NaN` where there is no average.

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _frames.score_frame(self.score_rows())

    def score_details(self) -> dict[str, ScoreDetail]:
        """Read each model's credits, runtime, status and full scores.

        Returns:
            `{model name: ScoreDetail}`. Models with the same name get a number: `LLM`, `LLM (2)`.

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _scores.score_details(self._decoded())

    def failure_rates(self) -> dict[str, float]:
        """Read the share of segments that each model failed on.

        Returns:
            `{model name: percent}`; `nan` where the document does not say.

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _failure_rates.failure_rates(self._document)

    def failure_rates_frame(self) -> pd.DataFrame:
        """Read the share of segments that each model failed on, as a frame.

        Returns:
            A frame with the columns `Model` and `Failure Rate` (percent; `NaN` where the document does not say).

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _frames.failure_rate_frame(self.failure_rates())

    def explanations(self) -> Explanations:
        """Read all explanations.

        Returns:
            `{"metricInDependent": [...], "metricDependent": [...]}`; the lists are empty until the platform has
            written explanations.

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _explanations.explanations(self._decoded())

    def localized_explanations(self, metric_dependant: bool, group_by_task: bool = False) -> dict[str, Any]:
        """Read one kind of explanation.

        Args:
            metric_dependant: If true, read the explanations of each metric; otherwise the first one that does not
                depend on a metric.
            group_by_task: Group the explanations of each metric by task.

        Returns:
            Not dependent on a metric: that item, or `{}`. Dependent: `{scoreId: item}`; grouped by task:
            `{task: {scoreId: explanation}}`. The same score for two datasets is kept twice: `SCORE`,
            `SCORE (DATASET)`.

        Raises:
            InvalidResponseError: If the document cannot be decoded. A terminal snapshot's always can.
        """
        return _explanations.localized_explanations(
            self._decoded(), metric_dependant=metric_dependant, group_by_task=group_by_task
        )

    def has_moved_since(self, earlier: JobSnapshot) -> bool:
        """Compare this snapshot with one of an earlier poll.

        Args:
            earlier: A snapshot of the same job.

        Returns:
            Whether the status, an iteration's status or the progress differs.
        """
        return (self.status, self._head.iteration_statuses, self.progress) != (
            earlier.status,
            earlier._head.iteration_statuses,
            earlier.progress,
        )

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        return self._decoded()

    def _decoded(self) -> dict[str, Any]:
        """Decode the document anew: what is handed out can be changed without harm to this snapshot."""
        try:
            return dict(mapping(decoded(self._body)))
        except MalformedDocumentError as error:  # polling reads past what it does not need
            raise InvalidResponseError(f"the document of job {self.id} cannot be read: {error}") from error

    def _unsigned(self) -> dict[str, Any]:
        document = self._decoded()
        if self.report_url is not None:
            document["reportUrl"] = without_query(self.report_url)
        return document

    def _line(self) -> str:
        done = None if self.is_terminal else self.progress.completed_percentage
        models = self._head.iteration_statuses
        failed = sum(normalized(status or "") == "failed" for status in models)
        parts = (
            shown(self.status),
            "" if done is None else f"{done:g} %",
            f"{failed} of {counted(len(models), 'model')} failed" if failed else counted(len(models), "model"),
            f"polled {self.polled_at:%Y-%m-%d %H:%M:%S %Z}",
        )
        return f"<JobSnapshot {self.id}: {', '.join(part for part in parts if part)}>"

    def _card(self) -> Card:
        progress = self.progress
        done = None if self.is_terminal else progress.completed_percentage
        facts = (
            ("Status", shown(self.status)),
            ("Progress", "" if done is None else figure(done, "%")),
            ("Benchmark", self.benchmark_id),
            ("Credits", "" if progress.used_credits is None else figure(progress.used_credits)),
            ("Seen at", f"{self.polled_at:%Y-%m-%d %H:%M:%S %Z}"),
        )
        try:
            iterations = self.iterations
        except InvalidResponseError:  # a display has no place to raise it; reading the results will
            iterations = ()
        metrics = [metric.long_name for metric in self.metrics] if iterations else []
        rows = tuple(_row(each, metrics) for each in iterations)
        header = ("Model", "Status", *metrics, "Failed segments", "Credits", "Seconds")
        return Card(f"Benchmark job {self.id}", facts, header, rows)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            body = msgspec.json.encode(self._unsigned())  # not `raw`, which its reader may have changed
        except (InvalidResponseError, RecursionError):  # what polling read of it can be kept all the same
            body = msgspec.json.encode(self._head)
        return _restore, (self.id, body, self.polled_at, self.is_terminal)


class JobFailedError(JobError):
    """Raised by `JobSnapshot.raise_for_status()` when the job ended without completing.

    Attributes:
        snapshot: The job as it ended.
    """

    def __init__(self, message: str, *, job_id: str, snapshot: JobSnapshot) -> None:
        super().__init__(message, job_id=job_id)
        self.snapshot = snapshot


def _restore(job_id: str, body: bytes, polled_at: datetime, is_terminal: bool) -> JobSnapshot:
    head = job_head(body)
    return JobSnapshot(job_id, head.status, head.benchmark_id, polled_at, is_terminal, head, body)


def run_time(snapshot: JobSnapshot) -> float | None:
    """Return the seconds from a job's start to its last change, by the platform's clock; None if it does not say."""
    if snapshot.started_at is None or snapshot.updated_at is None:
        return None
    return (snapshot.updated_at - snapshot.started_at).total_seconds()


def snapshot_of(
    job_id: str, body: bytes, *, polled_at: datetime, terminal: AbstractSet[str], in_full: bool = False
) -> JobSnapshot:
    """Make the snapshot of a reply.

    Args:
        job_id: The job that was asked for.
        body: The reply.
        polled_at: When it came.
        terminal: The terminal statuses, normalized.
        in_full: Check the whole document now, not only what polling reads; an ended job's is always checked, so
            that what users are handed as an end can be read.

    Raises:
        MalformedDocumentError: If the reply is not a job document.
    """
    head = job_head(body)
    is_terminal = normalized(head.status) in terminal
    snapshot = JobSnapshot(job_id, head.status, head.benchmark_id, polled_at, is_terminal, head, body)
    if in_full or is_terminal:
        look(body, bool)
    return snapshot


def _row(iteration: Iteration, metrics: list[str]) -> tuple[str, ...]:
    scores = {name: figure(score.average, score.unit) for name, score in named_scores(iteration.scores or ())}
    failed = figure(iteration.failed_segments)
    if iteration.total_segments is not None:
        failed += f" of {figure(iteration.total_segments)}"
    return (
        iteration.display_name or iteration.model_id or UNKNOWN,
        shown(iteration.status or UNKNOWN),
        *(scores.get(metric, UNKNOWN) for metric in metrics),
        failed,
        figure(iteration.credits),
        figure(iteration.runtime),
    )
