"""Scores of a whole corpus, as papers report them; `leaderboard` has means over segments, which are other numbers.

sacrebleu computes BLEU, chrF and TER, jiwer WER; the signature says with which settings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError
from aiobench.analysis.pairing import Rows, paired
from aiobench.errors import MissingExtraError

__all__ = ["CorpusMetric", "corpus_scores"]

CorpusMetric = Literal["bleu", "chrf", "ter", "wer", "accuracy", "f1"]

COLUMNS = ("Model", "metric", "n", "failed", "score", "lower_is_better", "signature")
HYPOTHESES = ("hypothesis", "output", "prediction")
REFERENCES = ("reference", "referenceText")


class _Score(NamedTuple):
    value: float
    signature: str


def corpus_scores(
    segments: pd.DataFrame,
    *,
    metrics: Sequence[CorpusMetric] = ("bleu", "chrf", "ter", "wer"),
    on: Literal["common", "all"] = "common",
    hypothesis: str | None = None,
    reference: str | None = None,
    segment: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Score each model's whole output at once, as papers do.

    Args:
        segments: A results frame, one row per segment and model, with the texts.
        metrics: `bleu`, `chrf` and `ter` as sacrebleu computes them by default, `wer` as jiwer does, `accuracy` and
            `f1` of labels as scikit-learn does; F1 is the macro average, in which each label counts alike.
        on: `common`: segments that no model failed on. `all`: each model's own, which scores different texts where
            some failed.
        hypothesis: The column with the outputs. Defaults to `hypothesis`, `output` or `prediction`.
        reference: The column with the references. Defaults to `reference` or `referenceText`.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.

    Returns:
        One row per model and metric: `Model`, `metric`, `n` (segments scored), `failed` (segments that the model has no
        output for), `score` (0 to 100 for BLEU, chrF, accuracy and F1; TER in percent and WER as a fraction of the
        reference's words, which both can pass 100 percent), `lower_is_better` and `signature` (sacrebleu's own, or the
        library's version).

    Raises:
        AnalysisError: If a column or metric is unknown, a model has a segment twice, or nothing is left to score.
        MissingExtraError: If the extra `local` is not installed.
    """
    asked = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics))
    unknown = [metric for metric in asked if metric not in SCORERS]
    if unknown or not asked:
        raise AnalysisError(
            f"there is no corpus metric {', '.join(map(repr, unknown)) or 'at all in metrics'}; choose from "
            f"{', '.join(SCORERS)}"
        )
    if on not in ("common", "all"):
        raise AnalysisError(f"on is {on!r}; choose common or all")
    rows = paired(segments, segment)
    outputs = _texts(rows, hypothesis, HYPOTHESES, "hypothesis")
    references = _texts(rows, reference, REFERENCES, "reference")
    known = outputs.notna().to_numpy() & references.notna().to_numpy() & _succeeded(rows)
    count = np.bincount(rows.segment[known], minlength=rows.segments)
    counted = known & (count[rows.segment] == len(rows.models)) if on == "common" else known
    lines: list[dict[str, Any]] = []
    for metric in asked:
        name, lower, scorer = SCORERS[metric]
        for place, model in enumerate(rows.models):
            chosen = counted & (rows.model == place)
            order = np.argsort(rows.segment[chosen], kind="stable")
            n = int(chosen.sum())
            if not n:
                raise AnalysisError(
                    f"nothing is left of {model!r} to score: {_why_nothing(on)}. Leave models out, or pass on='all'"
                    if known[rows.model == place].any()
                    else f"{model!r} has no output with a reference"
                )
            try:
                value, signature = scorer(outputs[chosen].iloc[order].tolist(), references[chosen].iloc[order].tolist())
            except ImportError as error:
                raise MissingExtraError("aiobench.analysis.corpus_scores", extra="local") from error
            lines.append(
                {
                    "Model": model,
                    "metric": name,
                    "n": n,
                    "failed": rows.segments - int(known[rows.model == place].sum()),
                    "score": value,
                    "lower_is_better": lower,
                    "signature": signature,
                }
            )
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _why_nothing(on: str) -> str:
    return "the models have no common segment" if on == "common" else "it failed on every segment"


def _texts(rows: Rows, asked: str | None, usual: tuple[str, ...], what: str) -> pd.Series[Any]:
    name = asked or next((name for name in usual if name in rows.frame.columns), None)
    if name is None:
        raise AnalysisError(
            f"there is no column of {what} texts; name one with {what}=…. The frame has "
            f"{', '.join(map(str, rows.frame.columns))}"
        )
    column = rows.column(name)
    texts = column.isna() | column.map(lambda value: isinstance(value, str))
    if not texts.all():
        first = column[~texts].iloc[0]
        raise AnalysisError(
            f"the column {name!r} holds {first}, which is no text. Read the results with "
            "download_results_as_csv, which keeps texts as they are"
        )
    return column


def _succeeded(rows: Rows) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if "Model_success" not in rows.frame.columns:
        return np.ones(len(rows.frame), dtype=bool)
    return ~rows.frame["Model_success"].isin([False, "False", "false"]).to_numpy(dtype=bool)


def _sacrebleu(name: Literal["BLEU", "CHRF", "TER"]) -> Callable[[list[str], list[str]], _Score]:
    def score(hypotheses: list[str], references: list[str]) -> _Score:
        import sacrebleu.metrics

        metric = getattr(sacrebleu.metrics, name)()
        return _Score(float(metric.corpus_score(hypotheses, [references]).score), str(metric.get_signature()))

    return score


def _wer(hypotheses: list[str], references: list[str]) -> _Score:
    import jiwer

    if not any(reference.split() for reference in references):
        raise AnalysisError("WER needs a reference with at least one word")
    return _Score(float(jiwer.process_words(references, hypotheses).wer), f"jiwer|version:{version('jiwer')}")


def _accuracy(hypotheses: list[str], references: list[str]) -> _Score:
    from sklearn.metrics import accuracy_score

    value = accuracy_score(_stripped(references), _stripped(hypotheses))
    return _Score(100 * float(value), f"scikit-learn|version:{version('scikit-learn')}")


def _f1(hypotheses: list[str], references: list[str]) -> _Score:
    from sklearn.metrics import f1_score

    value = f1_score(_stripped(references), _stripped(hypotheses), average="macro", zero_division=cast("Any", 0.0))
    return _Score(100 * float(value), f"scikit-learn|version:{version('scikit-learn')}|average:macro")


def _stripped(texts: list[str]) -> list[str]:
    return [text.strip() for text in texts]


SCORERS: dict[str, tuple[str, bool, Callable[[list[str], list[str]], _Score]]] = {
    "bleu": ("BLEU", False, _sacrebleu("BLEU")),
    "chrf": ("chrF", False, _sacrebleu("CHRF")),
    "ter": ("TER", True, _sacrebleu("TER")),
    "wer": ("WER", True, _wer),
    "accuracy": ("Accuracy", False, _accuracy),
    "f1": ("F1", False, _f1),
}
