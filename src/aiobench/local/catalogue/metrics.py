"""The built-in metrics, each computed by the library it is named after, and how text is normalized first."""

from __future__ import annotations

import inspect
import string
import unicodedata
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

import jiwer
from attrs import evolve, frozen
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Score = Callable[[str, str], float]

__all__ = [
    "METRICS",
    "NORMALIZATIONS",
    "Metric",
    "Scorer",
    "chosen_metric",
    "configured_metric",
    "function_metric",
    "missing_metric",
    "registered_metrics",
]

SACREBLEU: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {  # and what it needs to score one sentence
    "bleu": (BLEU, {"effective_order": True}),
    "chrf": (CHRF, {}),
    "ter": (TER, {}),
}


@frozen
class Metric:
    """A score of one hypothesis against one reference.

    Attributes:
        supplier: The library that computes it.
        unit: `%` for a scale of 100, otherwise empty.
        segment_score: A function of hypothesis and reference.
        can_hang: Whether it is not ours or a library's, so that it needs a thread that can be given up.
    """

    id: str
    name: str
    supplier: str
    unit: str
    segment_score: Callable[[str, str], float]
    lower_is_better: bool = False
    can_hang: bool = False

    @property
    def long_name(self) -> str:
        """The name with its supplier, as in scores and CSV columns."""
        return f"{self.name} by {self.supplier}"


def _sacrebleu(metric_id: str, **parameters: Any) -> Score:
    make, needed = SACREBLEU[metric_id]
    metric = make(**{**needed, **parameters})
    return lambda hyp, ref: float(metric.sentence_score(hyp, [ref]).score)


def _accuracy(hypothesis: str, reference: str) -> float:
    return _accuracy_of_one(is_right=hypothesis.strip() == reference.strip())


@cache
def _accuracy_of_one(*, is_right: bool) -> float:
    from sklearn.metrics import accuracy_score  # here and below: its import takes a second

    return 100.0 * float(accuracy_score([True], [is_right]))


def _f1(hypothesis: str, reference: str) -> float:
    """Compare comma-separated labels. The mean over segments is scikit-learn's `average="samples"`."""
    given, right = _labels(hypothesis), _labels(reference)
    return _f1_of_labels(len(given & right), len(given - right), len(right - given)) if given | right else 100.0


@lru_cache(maxsize=10_000)
def _f1_of_labels(right: int, wrong: int, missed: int) -> float:
    """Score so many labels of each kind. scikit-learn takes milliseconds, and segments repeat the few numbers."""
    from sklearn.metrics import f1_score

    truth = [True] * right + [False] * wrong + [True] * missed
    guess = [True] * right + [True] * wrong + [False] * missed
    none: Any = 0.0  # scikit-learn gives this parameter the type of its default
    return 100.0 * float(f1_score(truth, guess, zero_division=none))


def _labels(text: str) -> set[str]:
    return {label for part in text.split(",") if (label := part.strip())}


METRICS: dict[str, Metric] = {
    metric.id: metric
    for metric in (
        Metric("bleu", "BLEU", "sacrebleu", "%", _sacrebleu("bleu")),
        Metric("chrf", "chrF", "sacrebleu", "%", _sacrebleu("chrf")),
        Metric("ter", "TER", "sacrebleu", "%", _sacrebleu("ter"), lower_is_better=True),
        Metric("wer", "WER", "jiwer", "", lambda hyp, ref: float(jiwer.wer(ref, hyp)), lower_is_better=True),
        Metric("exact-match", "Exact match", "aiobench", "%", lambda hyp, ref: 100.0 * (hyp == ref)),
        Metric("cer", "CER", "jiwer", "", lambda hyp, ref: float(jiwer.cer(ref, hyp)), lower_is_better=True),
        Metric("accuracy", "Accuracy", "scikit-learn", "%", _accuracy),
        Metric("f1", "F1", "scikit-learn", "%", _f1),
    )
}


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(char for char in decomposed if not unicodedata.combining(char)))


def _without_punctuation(text: str) -> str:
    marks = set(string.punctuation)
    return " ".join(
        "".join(" " if char in marks or unicodedata.category(char)[0] == "P" else char for char in text).split()
    )


NORMALIZATIONS: Mapping[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "strip-punctuation": _without_punctuation,
    "strip-accents": _without_accents,
}


@frozen
class Scorer:
    """A metric and the normalization applied before it.

    Attributes:
        normalization: Keys of `NORMALIZATIONS`, applied in this order to hypothesis and reference.
    """

    metric: Metric
    normalization: tuple[str, ...]

    @property
    def id(self) -> str:
        """The score's id: the metric's id and the normalization before it."""
        return "+".join((self.metric.id, *self.normalization))

    @property
    def long_name(self) -> str:
        """The score's display name, unique within a benchmark."""
        suffix = f" ({', '.join(self.normalization)})" if self.normalization else ""
        return self.metric.long_name + suffix

    def score(self, hypothesis: str, reference: str) -> float:
        """Score a hypothesis against its reference."""
        for name in self.normalization:
            normalize = NORMALIZATIONS[name]
            hypothesis, reference = normalize(hypothesis), normalize(reference)
        return self.metric.segment_score(hypothesis, reference)


def chosen_metric(wanted: object) -> Metric:
    """Return the metric with a given name, or wrap a function as one.

    Args:
        wanted: A name such as `bleu` or `exact match`, in any case, or a function of (hypothesis, reference).

    Raises:
        ConfigurationError: If it is neither.
    """
    if callable(wanted):
        return function_metric(getattr(wanted, "__name__", type(wanted).__name__), cast("Score", wanted))
    key = _key(wanted) if isinstance(wanted, str) else ""
    names = {_key(name): metric for metric in METRICS.values() for name in (metric.id, metric.name, metric.long_name)}
    if key not in names:
        near = get_close_matches(key, names, n=1)
        hint = f" (did you mean {names[near[0]].id!r}?)" if near else ""
        raise ConfigurationError(
            f"there is no metric {wanted!r}{hint}; choose from {', '.join(METRICS)}, or pass a function of "
            "(hypothesis, reference)"
        )
    return names[key]


def configured_metric(metric_id: str, base: Metric, parameters: Mapping[str, Any], *, label: str) -> Metric:
    """Derive a metric from a built-in one.

    Args:
        metric_id: Its id.
        base: The metric.
        parameters: Arguments of sacrebleu's class, such as `word_order` of `CHRF`.
        label: Its name for people.

    Raises:
        ConfigurationError: If the metric has no such parameters, or their values are of no use.
    """
    metric = evolve(base, id=metric_id, name=label)
    if not parameters:
        return metric
    if base.id not in SACREBLEU:
        raise ConfigurationError(f"the metric {base.id} has no parameters; {', '.join(SACREBLEU)} have some")
    known = [name for name in inspect.signature(SACREBLEU[base.id][0]).parameters if name != "references"]
    unknown = sorted(parameters.keys() - set(known))
    if unknown:
        raise ConfigurationError(f"the metric {base.id} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
    try:
        score = _sacrebleu(base.id, **parameters)
        score("a b c d e", "a b c d e")
    except Exception as error:
        raise ConfigurationError(f"the metric {base.id} cannot use {dict(parameters)}: {error}") from error
    return evolve(metric, segment_score=score)


def function_metric(name: str, function: Callable[[str, str], float]) -> Metric:
    """Wrap a function of (hypothesis, reference) as a metric; its attribute `lower_is_better` sets the direction."""
    is_lower_better = bool(getattr(function, "lower_is_better", False))

    def score(hypothesis: str, reference: str) -> float:
        value = function(hypothesis, reference)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name} returned {value!r}, which is no number") from None

    return Metric(name, name, "custom", "", score, lower_is_better=is_lower_better, can_hang=True)


def registered_metrics(metrics: Mapping[str, object]) -> dict[str, Metric]:
    """Return the user's metrics by id.

    Args:
        metrics: A function of (hypothesis, reference), or the name of a metric that there is, by id.

    Raises:
        ConfigurationError: If one is anything else.
    """
    return {
        name: function_metric(name, cast("Score", metric))
        if callable(metric)
        else evolve(chosen_metric(metric), id=name)
        for name, metric in metrics.items()
    }


def missing_metric(metric_id: str) -> Metric:
    """Stand in for a metric that is no longer offered: it scores nothing."""

    def score(_hypothesis: str, _reference: str) -> float:
        raise LookupError(f"metric {metric_id} is no longer offered")

    return Metric(metric_id, metric_id, "", "", score)


def _key(name: str) -> str:
    return name.strip().casefold().replace(" ", "-").replace("_", "-")
