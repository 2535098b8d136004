"""Scores of the whole corpus are sacrebleu's and jiwer's, on the segments that all models translated."""

from __future__ import annotations

from importlib.metadata import version

import jiwer
import pandas as pd
import pytest
import sacrebleu

from aiobench.analysis import AnalysisError, corpus_scores

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
