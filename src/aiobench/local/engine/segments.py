"""One model on one segment: its output, its failure and its scores."""

from __future__ import annotations

import inspect
import logging
import math
import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from attrs import frozen

from aiobench.local.catalogue.metrics import Scorer
from aiobench.local.catalogue.models import Model, Predict
from aiobench.local.datasets import Dataset, Segment
from aiobench.local.engine.records import SegmentResult

__all__ = ["Resolve", "Task", "failed", "longest", "run_segment"]

Resolve = Callable[[Awaitable[str], float], str]
"""Waits for the output of an async model, at most so many seconds."""

FIRST_PAUSE = 0.1  # seconds before the second attempt; twice as long before each further one
LONGEST_PAUSE = 5.0

# What a model or metric can raise. The last two are no Exception, and are no reason to end a thread either.
FAILURES = (Exception, SystemExit, CancelledError)

_log = logging.getLogger("aiobench.local")


@frozen
class Task:
    """A model to run and how to score it.

    Attributes:
        model: The model.
        configuration: Its parameters.
        dataset: What it runs on.
        scorers: How its outputs are scored.
    """

    model: Model
    configuration: Mapping[str, Any]
    dataset: Dataset
    scorers: tuple[Scorer, ...]

    @property
    def can_hang(self) -> bool:
        """Whether a thread that runs it may have to be abandoned."""
        return self.model.can_hang or any(scorer.metric.can_hang for scorer in self.scorers)

    def prepared(self) -> Predict:
        """Prepare the model. One that does not support this dataset fails on each segment."""
        try:
            return self.model.prepared(self.configuration, self.dataset)
        except FAILURES as error:  # whatever it raises is its failure
            _log.warning("model %s cannot do %s: %r", self.model.label, self.dataset.id, error)
            reason = str(error) or repr(error)

            def refuse(_segment: Segment) -> str:
                raise LookupError(reason)

            return refuse


def longest(model: Model) -> float:
    """Return the most seconds that a segment may take, including retries."""
    return (model.retries + 1) * model.timeout + sum(_pauses(model))


def _pauses(model: Model) -> Iterator[float]:
    """Yield the seconds before each attempt but the first."""
    for number in range(model.retries):
        yield min(FIRST_PAUSE * 2**number, LONGEST_PAUSE, model.timeout)


def run_segment(
    task: Task,
    predict: Predict,
    index: int,
    segment: Segment,
    resolve: Resolve,
    begin: Callable[[], None] = lambda: None,
) -> SegmentResult:
    """Run a model on a segment. A model or metric that raises fails on this segment alone.

    Args:
        task: What to run.
        predict: What `task.prepared()` returned.
        index: The segment's place in its dataset.
        segment: The segment.
        resolve: Waits for the output of an async model.
        begin: Called before each attempt but the first.
    """
    started = time.perf_counter()
    hypothesis, failure = _attempt(task.model, predict, segment, resolve)
    for pause in _pauses(task.model):
        if failure is None:
            break
        time.sleep(pause)
        begin()
        hypothesis, failure = _attempt(task.model, predict, segment, resolve)
    runtime = time.perf_counter() - started
    scores = _scores(task, hypothesis, segment)
    return SegmentResult(index, hypothesis, failure, scores, task.model.price / 1000 * len(hypothesis or ""), runtime)


def failed(task: Task, index: int, reason: str) -> SegmentResult:
    """Return the result of a segment without output."""
    return SegmentResult(index, None, reason, (None,) * len(task.scorers), 0.0, 0.0)


def _attempt(model: Model, predict: Predict, segment: Segment, resolve: Resolve) -> tuple[str | None, str | None]:
    try:
        output: object = predict(segment)
        if inspect.isawaitable(output):
            output = resolve(output, model.timeout)
        return _text(output), None
    except SystemExit as error:
        return None, f"the model called sys.exit({error.code!r})"
    except FAILURES as error:  # whatever a model raises is its failure on this segment
        return None, str(error) or type(error).__name__


def _text(output: object) -> str:
    if not isinstance(output, str):
        raise TypeError(f"the model returned {type(output).__name__}, not text")
    output.encode()  # half a surrogate pair cannot be stored or sent
    return output.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _scores(task: Task, hypothesis: str | None, segment: Segment) -> tuple[float | None, ...]:
    if hypothesis is None:
        return (None,) * len(task.scorers)
    scores: list[float | None] = []
    for scorer in task.scorers:
        try:
            scores.append(_finite(scorer.score(hypothesis, segment.reference)))
        except FAILURES as error:  # a score that cannot be computed is missing, and counted
            _log.warning("%s cannot score %s on segment %s: %r", scorer.long_name, task.model.label, segment.id, error)
            scores.append(None)
    return tuple(scores)


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise ValueError(f"the score is {score}")
    return score
