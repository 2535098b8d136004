"""The course of a fake job: its statuses over time, and its results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import Factory, frozen

from aiobench import TERMINAL_STATUSES, ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SUCCEEDED", "Course", "Outcome", "checked_course", "outcome_of"]

USUAL = ("queued", "in_progress", "completed")
SUCCEEDED = frozenset({"completed", "success", "succeeded"})
PHASES = {
    **dict.fromkeys(("draft", "created", "scheduled", "pending", "queued", "initiated", "starting"), 0),
    **dict.fromkeys(("in_progress", "running", "processing"), 1),
    **dict.fromkeys(("canceling", "cancelling"), 2),
    **dict.fromkeys(TERMINAL_STATUSES, 3),
}


@frozen
class Course:
    """The statuses of a job in order; each lasts for *every* seconds, the last one for ever."""

    statuses: tuple[str, ...]
    every: float

    def index_at(self, elapsed: float) -> int:
        """Return the number of the status that a job has *elapsed* seconds after it was started."""
        last = len(self.statuses) - 1
        return last if self.every == 0 else min(last, int(elapsed / self.every + 1e-9))


def checked_course(statuses: Sequence[object], every: object) -> Course:
    """Check a history; an empty one becomes the usual one.

    Raises:
        ConfigurationError: If it goes backwards, or is no history at all.
    """
    if isinstance(every, bool) or not isinstance(every, int | float) or not 0 <= every < math.inf:
        raise ConfigurationError(f"every= must be a number of seconds, 0 or more, not {every!r}")
    found: list[str] = []
    for status in statuses or USUAL:
        if not isinstance(status, str) or not status:
            raise ConfigurationError(f"a job's history is made of statuses such as 'in_progress', not of {status!r}")
        if found and _phase(status) < max(map(_phase, found)):
            raise ConfigurationError(f"a job's history cannot go backwards, from {found[-1]!r} to {status!r}")
        if found and _phase(found[-1]) == 3:
            raise ConfigurationError(f"a job's history ends with {found[-1]!r}: {status!r} cannot come after it")
        found.append(status)
    return Course(tuple(found), float(every))


def _phase(status: str) -> int:
    return PHASES.get(status.casefold().replace("-", "_"), 1)


@frozen
class Outcome:
    """A job's results: `scores` by model and metric, `failures` by model, a CSV, explanations."""

    scores: Mapping[str, Mapping[str, Any]] = Factory(dict)
    failures: Mapping[str, int] = Factory(dict)
    segments: int = 8
    csv: str | None = None
    explanation: Mapping[str, Any] | None = None


def outcome_of(
    scores: Mapping[str, Mapping[str, float | Mapping[str, Any]]] | None,
    failures: Mapping[str, int] | None,
    segments: pd.DataFrame | None,
    explanation: Mapping[str, Any] | None,
) -> Outcome:
    """Assemble a job's results. Scores and failures that are not given are computed from the segments, if any.

    Raises:
        ConfigurationError: If an argument has another shape.
    """
    _check_scores(scores)
    if segments is None:
        return Outcome(scores or {}, failures or {}, explanation=explanation)
    if not hasattr(segments, "to_csv"):
        raise ConfigurationError(f"segments= must be a frame of results, not {type(segments).__name__}")
    by_model = {}
    if "Model" in segments.columns:
        by_model = {str(model): rows for model, rows in segments.groupby("Model", sort=False)}
    if scores is None:
        metrics = [name for name in segments.select_dtypes("number").columns if " by " in str(name)]
        scores = {
            model: {name: float(mean) for name in metrics if not math.isnan(mean := rows[name].mean())}
            for model, rows in by_model.items()
        }
    if failures is None and "Model_success" in segments.columns:
        failures = {model: int((~rows["Model_success"].astype(bool)).sum()) for model, rows in by_model.items()}
    longest = max(map(len, by_model.values()), default=len(segments))
    return Outcome(scores, failures or {}, longest, segments.to_csv(index=False, lineterminator="\n"), explanation)


def _check_scores(scores: object) -> None:
    if scores is None:
        return
    is_nested = isinstance(scores, Mapping) and all(isinstance(each, Mapping) for each in scores.values())
    if not is_nested:
        raise ConfigurationError(
            f"scores= must be {{model: {{metric: average}}}}, such as {{'model-a': {{'BLEU by sacrebleu': 31.2}}}}, "
            f"not {scores!r}"
        )
