"""One model on the segments of a dataset: what it says, why it fails, and how each output is scored."""

from __future__ import annotations

import inspect
import logging
import math
import time
from typing import TYPE_CHECKING

from aiobench.local.engine.store import SegmentResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from typing import Any

    from aiobench.local.catalogue.metrics import Scorer
    from aiobench.local.catalogue.models import Model, Predict
    from aiobench.local.datasets import Dataset, Segment

__all__ = ["run_model"]

_log = logging.getLogger("aiobench.local")


def run_model(
    model: Model,
    configuration: Mapping[str, Any],
    dataset: Dataset,
    scorers: Sequence[Scorer],
    *,
    resolve: Callable[[Awaitable[str]], str],
    first: int = 0,
    pause: Callable[[float], bool] | None = None,
) -> Iterator[SegmentResult]:
    """Run a model on the segments of a dataset, one after the other.

    A model or a metric that raises has failed on that segment alone.

    Args:
        model: What to run.
        configuration: Its parameters.
        dataset: What to run it on.
        scorers: How to score its outputs.
        resolve: Waits for the output of an async function.
        first: The segment to begin with.
        pause: Called after each segment with the seconds that it took; true ends the run.

    Yields:
        One result for each segment.
    """
    predict = _prepared(model, configuration, dataset)
    for index in range(first, len(dataset.segments)):
        segment = dataset.segments[index]
        started = time.perf_counter()
        hypothesis, failure = _attempt(predict, segment, resolve)
        if pause is not None and pause(time.perf_counter() - started):
            return
        runtime = time.perf_counter() - started
        scores = _scores(scorers, hypothesis, segment, model.label)
        yield SegmentResult(index, hypothesis, failure, scores, model.price / 1000 * len(hypothesis or ""), runtime)


def _prepared(model: Model, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:
    try:
        return model.prepared(configuration, dataset)
    except Exception as error:  # noqa: BLE001 - a model that cannot do this dataset fails on each segment
        _log.warning("model %s cannot do %s: %r", model.label, dataset.id, error)
        reason = error

        def refuse(_segment: Segment) -> str:
            raise reason

        return refuse


def _attempt(
    predict: Predict, segment: Segment, resolve: Callable[[Awaitable[str]], str]
) -> tuple[str | None, str | None]:
    try:
        output: object = predict(segment)
        if inspect.isawaitable(output):
            output = resolve(output)
        return _text(output), None
    except Exception as error:  # noqa: BLE001 - whatever a model raises is its failure on this segment
        return None, str(error) or type(error).__name__


def _text(output: object) -> str:
    if not isinstance(output, str):
        raise TypeError(f"the model returned {type(output).__name__}, not text")
    output.encode()  # half a surrogate pair cannot be stored or sent
    return output.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _scores(
    scorers: Sequence[Scorer], hypothesis: str | None, segment: Segment, label: str
) -> tuple[float | None, ...]:
    if hypothesis is None:
        return (None,) * len(scorers)
    scores: list[float | None] = []
    for scorer in scorers:
        try:
            scores.append(_finite(scorer.score(hypothesis, segment.reference)))
        except Exception as error:  # noqa: BLE001 - a score that cannot be computed is missing, and counted
            _log.warning("%s cannot score %s on segment %s: %r", scorer.long_name, label, segment.id, error)
            scores.append(None)
    return tuple(scores)


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise ValueError(f"the score is {score}")
    return score
