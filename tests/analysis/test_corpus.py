"""Scores of the whole corpus are sacrebleu's and jiwer's, on the segments that all models translated."""

from __future__ import annotations

from importlib.metadata import version

import jiwer
import numpy as np
import pandas as pd
import pytest
import sacrebleu
from sacrebleu.metrics.ter import TER
from sacrebleu.significance import PairedTest

from aiobench.analysis import AnalysisError, compare, corpus_scores
from analysis.frames import results as results_of

REFERENCES = ["the cat sat on the mat", "it is raining again today", "nobody knows where she went", "good night"]
CAREFUL = ["the cat sat on a mat", "it rains again today", "nobody knows where she went", "good night"]
HASTY = ["cat mat", None, "nobody knows where he is", "good night"]


def outputs() -> pd.DataFrame:
    """Two models' outputs; one failed on the second segment."""
    parts = [
        pd.DataFrame(
            {
                "segment_id": range(4),
                "Model": model,
                "Model_success": [text is not None for text in texts],
                "source": ["Katze", "Regen", "fort", "gut"],
                "reference": REFERENCES,
                "hypothesis": texts,
            }
        )
        for model, texts in (("careful", CAREFUL), ("hasty", HASTY))
    ]
    return pd.concat(parts, ignore_index=True)


def test_scores_are_those_of_the_libraries() -> None:
    """The common segments of each model, as sacrebleu and jiwer score them."""
    table = corpus_scores(outputs()).set_index(["Model", "metric"])

    hypotheses = [CAREFUL[0], *CAREFUL[2:]]
    references = [REFERENCES[0], *REFERENCES[2:]]
    assert table.loc[("careful", "BLEU"), "score"] == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert table.loc[("careful", "chrF"), "score"] == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert table.loc[("careful", "TER"), "score"] == sacrebleu.corpus_ter(hypotheses, [references]).score
    assert table.loc[("careful", "WER"), "score"] == jiwer.wer(references, hypotheses)
    assert table["n"].unique().tolist() == [3]
    assert table.loc["hasty", "failed"].unique().tolist() == [1]
    assert table["lower_is_better"].groupby("metric").first().to_dict() == {
        "BLEU": False, "TER": True, "WER": True, "chrF": False,
    }  # fmt: skip


def test_the_signature_says_with_which_settings() -> None:
    """A figure can be reproduced from its signature."""
    signatures = corpus_scores(outputs(), metrics=["bleu", "wer"]).groupby("metric")["signature"].first()

    assert signatures["BLEU"] == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    assert signatures["WER"] == f"jiwer|version:{version('jiwer')}"


def test_each_model_may_be_scored_on_its_own_segments() -> None:
    """With on="all", a model that failed is scored on fewer segments, and `n` says so."""
    table = corpus_scores(outputs(), metrics=["bleu"], on="all").set_index("Model")

    assert table["n"].to_dict() == {"careful": 4, "hasty": 3}
    assert table.loc["careful", "score"] == sacrebleu.corpus_bleu(CAREFUL, [REFERENCES]).score


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        ({}, {"metrics": ["blue"]}, "there is no corpus metric 'blue'; choose from bleu, chrf, ter, wer"),
        ({}, {"metrics": []}, "choose from bleu, chrf, ter, wer"),
        ({}, {"on": "worst"}, "on is 'worst'; choose common or all"),
        ({}, {"hypothesis": "out"}, "there is no column 'out'"),
        ({"hypothesis": None}, {}, "'careful' has no output with a reference"),
        ({"hypothesis": 7}, {}, "the column 'hypothesis' holds 7, which is no text"),
        ({"reference": ""}, {"metrics": ["wer"]}, "WER needs a reference with at least one word"),
    ],
)
def test_what_cannot_be_scored_is_explained(
    change: dict[str, object], arguments: dict[str, object], sentence: str
) -> None:
    """A sentence for each kind of mistake."""
    with pytest.raises(AnalysisError, match=sentence):
        corpus_scores(outputs().assign(**change), **arguments)  # type: ignore[arg-type]


def test_models_without_a_common_segment_are_not_scored() -> None:
    """Nothing is common: the error says how to go on."""
    frame = outputs()
    frame = frame[(frame["Model"] == "careful") == (frame["segment_id"] < 2)]

    with pytest.raises(AnalysisError, match=r"no common segment.*pass on='all'"):
        corpus_scores(frame)


def both_tests(test: str, seed: int, more_errors: float) -> tuple[float, float]:
    """Return sacrebleu's p-value for the TER of the corpus and ours for its mean over segments.

    With references of one length these are one figure.
    """
    random = np.random.default_rng(seed)
    words = np.array([f"w{number}" for number in range(50)])
    references = [" ".join(random.choice(words, 7, replace=False)) for _ in range(80)]
    outputs = {
        model: [" ".join("x" if random.random() < errors else word for word in line.split()) for line in references]
        for model, errors in (("a", 0.3), ("b", 0.3 + more_errors))
    }
    metric = TER(references=[references])
    _, results = PairedTest(list(outputs.items()), {"TER": metric}, None, test_type=test, n_samples=4_000)()
    scores = {
        model: [TER().sentence_score(*pair).score for pair in zip(texts, ([each] for each in references), strict=True)]
        for model, texts in outputs.items()
    }
    comparison = compare(results_of(scores, "TER by sacrebleu"), "a", "b", metric="TER")
    assert comparison.mean_b == pytest.approx(results["TER"][1].score)
    return float(results["TER"][1].p_value or 0.0), comparison.p_value


@pytest.mark.parametrize("seed", range(4))
def test_p_is_that_of_sacrebleus_approximate_randomization(seed: int) -> None:
    """Within Monte Carlo error. Theirs counts the draws beyond the difference, ours also those equal to it, some 5%."""
    theirs, ours = both_tests("ar", seed, 0.02 * seed)
    assert theirs - 0.03 <= ours <= theirs + 0.09


@pytest.mark.parametrize(("more_errors", "is_significant"), [(0.0, False), (0.15, True)])
@pytest.mark.parametrize("seed", range(3))
def test_sacrebleus_paired_bootstrap_says_the_same(seed: int, more_errors: float, *, is_significant: bool) -> None:
    """Where the case is clear, for its p-value is not that of a two-sided test."""
    theirs, ours = both_tests("bs", seed, more_errors)
    assert (theirs < 0.05, ours < 0.05) == (is_significant, is_significant)


def test_labels_are_scored_as_scikit_learn_does() -> None:
    """Accuracy, and F1 as the macro average, of the segments that all models labelled."""
    rights = ["cat", "dog", "dog", "bird", "cat", "dog"]
    first, second = ["cat", "dog", "cat", "dog ", "cat", "dog"], ["cat", None, "dog", "bird", "bird", "dog"]
    frame = pd.concat(
        [
            pd.DataFrame({"segment_id": range(6), "Model": model, "reference": rights, "hypothesis": labels})
            for model, labels in (("first", first), ("second", second))
        ]
    )

    scores = corpus_scores(frame, metrics=["accuracy", "f1"]).set_index(["Model", "metric"])["score"]

    assert scores["first", "Accuracy"] == pytest.approx(60.0)
    assert scores["second", "Accuracy"] == pytest.approx(80.0)
    # cat: 2 right of 3 given and 2 wanted; dog: 1 of 2 and 2; bird: none given, 1 wanted
    assert scores["first", "F1"] == pytest.approx(100 * (4 / 5 + 2 / 4 + 0) / 3)
