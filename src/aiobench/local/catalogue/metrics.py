"""The metrics on offer, each computed by the library it is named after, and what is done to text before."""

from __future__ import annotations

import string
import unicodedata
from typing import TYPE_CHECKING

import jiwer
from attrs import frozen
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["METRICS", "NORMALIZATIONS", "Metric", "Scorer"]

_BLEU = BLEU(effective_order=True)
_CHRF = CHRF()
_TER = TER()


@frozen
class Metric:
    """A score of one hypothesis against one reference.

    Attributes:
        supplier: The library that computes it.
        unit: `%` for a scale of 100, otherwise empty.
        segment_score: A function of hypothesis and reference.
    """

    id: str
    name: str
    supplier: str
    unit: str
    segment_score: Callable[[str, str], float]
    lower_is_better: bool = False

    @property
    def long_name(self) -> str:
        """Say the name with its supplier, as scores and CSV columns do."""
        return f"{self.name} by {self.supplier}"


METRICS: Mapping[str, Metric] = {
    metric.id: metric
    for metric in (
        Metric("bleu", "BLEU", "sacrebleu", "%", lambda hyp, ref: _BLEU.sentence_score(hyp, [ref]).score),
        Metric("chrf", "chrF", "sacrebleu", "%", lambda hyp, ref: _CHRF.sentence_score(hyp, [ref]).score),
        Metric(
            "ter",
            "TER",
            "sacrebleu",
            "%",
            lambda hyp, ref: _TER.sentence_score(hyp, [ref]).score,
            lower_is_better=True,
        ),
        Metric("wer", "WER", "jiwer", "", lambda hyp, ref: float(jiwer.wer(ref, hyp)), lower_is_better=True),
        Metric("exact-match", "Exact match", "aiobench", "%", lambda hyp, ref: 100.0 * (hyp == ref)),
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
    """A metric with the normalization that comes before it.

    Attributes:
        normalization: Keys of `NORMALIZATIONS`, applied in this order to hypothesis and reference.
    """

    metric: Metric
    normalization: tuple[str, ...]

    @property
    def id(self) -> str:
        """Name the score: the metric's id, with what was done before it."""
        return "+".join((self.metric.id, *self.normalization))

    @property
    def long_name(self) -> str:
        """Name the score for people: no two of a benchmark are alike."""
        suffix = f" ({', '.join(self.normalization)})" if self.normalization else ""
        return self.metric.long_name + suffix

    def score(self, hypothesis: str, reference: str) -> float:
        """Score a hypothesis against its reference."""
        for name in self.normalization:
            normalize = NORMALIZATIONS[name]
            hypothesis, reference = normalize(hypothesis), normalize(reference)
        return self.metric.segment_score(hypothesis, reference)
