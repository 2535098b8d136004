"""`evaluate()` scores your own data: the libraries' scores, failures that stay their segment's, clear errors."""

from __future__ import annotations

import asyncio
import threading
from random import Random
from typing import TYPE_CHECKING, Any

import anyio
import jiwer
import pandas as pd
import pytest
import sacrebleu
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from aiobench.analysis import compare
from aiobench.errors import ConfigurationError
from aiobench.local import LocalBackend, evaluate, evaluate_async, predictions

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = ["der Hund", "die Katze", "das Haus", "der Baum"]
REFERENCES = ["the dog", "the cat", "the house", "the tree"]
FIRST = ["the dog", "a cat", None, "the tree"]
DATA = pd.DataFrame({"source": SOURCES, "reference": REFERENCES, "first": FIRST, "document": ["a", "a", "b", "b"]})


def test_scores_are_the_libraries() -> None:
    """Each segment's scores are sacrebleu's and jiwer's, and the averages are theirs."""
    evaluation = evaluate(DATA, predictions=["first"], metrics=["chrf", "ter", "wer", "cer", "Exact match"])

    pairs = [(hyp, ref) for hyp, ref in zip(FIRST, REFERENCES, strict=True) if hyp is not None]
    expected = {
        "chrF by sacrebleu": [sacrebleu.sentence_chrf(hyp, [ref]).score for hyp, ref in pairs],
        "TER by sacrebleu": [sacrebleu.sentence_ter(hyp, [ref]).score for hyp, ref in pairs],
        "WER by jiwer": [jiwer.wer(ref, hyp) for hyp, ref in pairs],
        "CER by jiwer": [jiwer.cer(ref, hyp) for hyp, ref in pairs],
        "Exact match by aiobench": [100.0 * (hyp == ref) for hyp, ref in pairs],
    }
    scored = evaluation.segments[evaluation.segments["Model_success"]]
    assert [scored[name].tolist() for name in expected] == [pytest.approx(values) for values in expected.values()]
    row = evaluation.snapshot.score_rows()[0]
    assert {name: row[name] for name in expected} == pytest.approx(
        {name: sum(values) / len(values) for name, values in expected.items()}
    )


def test_a_missing_prediction_is_a_failed_segment() -> None:
    """It is counted, has no score, and the others have theirs."""
    evaluation = evaluate(DATA, predictions=["first"])

    assert evaluation.snapshot.failure_rates() == {"first": 25.0}
    assert evaluation.segments["Model_success"].tolist() == [True, True, False, True]
    assert evaluation.segments["chrF by sacrebleu"].isna().tolist() == [False, False, True, False]


def test_results_have_the_shape_of_a_jobs() -> None:
    """The columns of a results file, then those of the data that are no predictions; analysis takes them."""
    frame = evaluate(DATA.assign(second=REFERENCES), predictions=["first", "second"]).segments

    assert frame.columns.tolist() == [
        "segment_id", "Model", "Model_success", "source", "reference", "hypothesis", "topic", "BLEU by sacrebleu",
        "chrF by sacrebleu", "credits_used", "runTimeInSecs", "document",
    ]  # fmt: skip
    comparison = compare(frame, "first", "second", metric="chrF by sacrebleu", cluster="document")
    assert (comparison.n, comparison.only_b) == (3, 1)


def test_models_are_functions_plain_and_async() -> None:
    """An async function is awaited; what a function raises, or returns in place of text, fails its segment alone."""

    async def slow(source: str) -> str:
        await asyncio.sleep(0)
        return source.upper()

    def picky(source: str) -> str:
        if "Katze" in source:
            raise ValueError("no cats")
        return source

    evaluation = evaluate(DATA, models={"slow": slow, "picky": picky, "wrong": len}, metrics=["chrf"])  # type: ignore[dict-item]

    by_model = evaluation.segments.groupby("Model", sort=False)["hypothesis"].apply(list)
    assert by_model["slow"] == [source.upper() for source in SOURCES]
    assert [value for value in by_model["picky"] if isinstance(value, str)] == [SOURCES[0], *SOURCES[2:]]
    assert evaluation.snapshot.failure_rates() == {"slow": 0.0, "picky": 25.0, "wrong": 100.0}
    independent = evaluation.snapshot.localized_explanations(metric_dependant=False)
    assert "no cats" in str(independent)


def test_a_metric_may_be_a_function() -> None:
    """Its name is the column's, its attribute is the direction; where it raises or gives NaN, the score is missing."""

    def length_error(hypothesis: str, reference: str) -> float:
        if hypothesis == "a cat":
            return float("nan")
        return abs(len(hypothesis) - len(reference))

    length_error.lower_is_better = True  # type: ignore[attr-defined]
    evaluation = evaluate(DATA, predictions="first", metrics=[length_error])

    (metric,) = evaluation.snapshot.metrics
    assert (metric.name, metric.lower_is_better) == ("length_error", True)
    (score,) = evaluation.snapshot.iterations[0].scores or ()
    assert (score.count, score.failed_segments_count, score.average) == (2, 2, 0.0)
    assert evaluation.segments["Model_success"].tolist() == [True, True, False, True]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_files_are_read_as_they_are(tmp_path: Path, ending: str) -> None:
    """`NA` and `None` are texts, an empty cell is missing, and ids are kept."""
    data = DATA.assign(id=["x1", "x2", "x3", "x4"], first=["NA", "None", None, "007"])
    path = tmp_path / f"data.{ending}"
    if ending == "csv":
        data.to_csv(path, index=False)
    elif ending == "jsonl":
        data.to_json(path, orient="records", lines=True)
    else:
        data.to_parquet(path)

    frame = evaluate(path, predictions=["first"]).segments

    assert frame["segment_id"].tolist() == ["x1", "x2", "x3", "x4"]
    assert frame["hypothesis"].fillna("missing").tolist() == ["NA", "None", "missing", "007"]


def test_equal_sources_do_not_collide() -> None:
    """Two segments with one text are two segments."""
    twice = pd.concat([DATA, DATA], ignore_index=True)

    frame = evaluate(twice, predictions=["first"]).segments

    assert len(frame) == frame["segment_id"].nunique() == 8


@pytest.mark.parametrize(
    ("data", "arguments", "sentences"),
    [
        (DATA, {}, ["there is nothing to evaluate"]),
        (DATA, {"predictions": ["first"], "metrics": []}, ["metrics is empty"]),
        (DATA, {"predictions": ["first"], "metrics": ["blue"]}, [r"no metric 'blue' \(did you mean 'bleu'\?\)"]),
        (DATA, {"predictions": ["first"], "metrics": [lambda h, r: 1.0, lambda h, r: 2.0]}, ["two metrics named"]),
        (DATA, {"predictions": ["first_"]}, ["has no column 'first_' of predictions; it has 'source', 'reference'"]),
        (DATA, {"predictions": ["first", "first"]}, ["two models named 'first'"]),
        (DATA, {"models": {"x": 3}}, ["model 'x' must be a function"]),
        (DATA, {"predictions": ["first"], "source": "src", "reference": "ref"}, ["no column 'src'", "no column 'ref'"]),
        (DATA.head(0), {"predictions": ["first"]}, ["the frame has no segments"]),
        (DATA.assign(source=[None, "b", "c", "d"]), {"predictions": ["first"]}, ["row 0.*'source' is empty"]),
        (DATA.assign(id=[1, 2, 2, 3]), {"predictions": ["first"]}, ["the id '2' is already that of .* row 1"]),
        ([1, 2], {"predictions": ["first"]}, ["must be a frame or the path of a file, not list"]),
        ("missing.csv", {"predictions": ["first"]}, ["missing.csv cannot be read: No such file"]),
        ("data.txt", {"predictions": ["first"]}, [r"the ending .txt is not one of"]),
    ],
)
def test_what_cannot_be_evaluated_is_explained(data: Any, arguments: dict[str, Any], sentences: list[str]) -> None:
    """Every mistake has its sentence, and all are reported at once."""
    with pytest.raises(ConfigurationError) as caught:
        evaluate(data, **arguments)

    for sentence in sentences:
        assert caught.match(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty; its first line must name the columns"),
        (b"source,reference,p\n\xe4,b,c\n", "line 2: byte 0xe4 is not UTF-8"),
        (b"source,reference,p\na,b,c,d\n", "line 2: 4 fields, but the header has 3"),
        (b"source,source,p\na,b,c\n", "two columns named 'source'"),
        (b'source,reference,p\n"a,b,c\n', "line 2: unexpected end of data"),
        (b"s\0ource,reference,p\n", "line 1: there is a NUL character"),
    ],
)
def test_a_file_that_cannot_be_read_names_the_line(tmp_path: Path, content: bytes, sentence: str) -> None:
    """The file and the line are in the error."""
    path = tmp_path / "data.csv"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=sentence) as caught:
        evaluate(path, predictions=["p"])

    assert str(path) in str(caught.value)


@pytest.mark.anyio
async def test_the_event_loop_is_not_blocked(anyio_backend: str) -> None:
    """Plain models run in a thread, async ones in the caller's event loop."""
    threads: dict[str, int] = {}

    def plain(source: str) -> str:
        threads["plain"] = threading.get_ident()
        return source

    async def asynchronous(source: str) -> str:
        threads["async"] = threading.get_ident()
        return source

    await evaluate_async(DATA, models={"plain": plain, "asynchronous": asynchronous}, metrics=["exact-match"])

    assert threads["async"] == threading.get_ident() != threads["plain"]
    assert anyio_backend in {"asyncio", "trio"}


@pytest.mark.anyio
async def test_cancelling_ends_the_run() -> None:
    """After the segment at hand, no other is asked for."""
    asked: list[str] = []

    with anyio.CancelScope() as scope:

        async def once(source: str) -> str:
            asked.append(source)
            scope.cancel()
            return source

        await evaluate_async(DATA, models={"once": once}, metrics=["exact-match"])

    assert asked == SOURCES[:1]


@pytest.mark.anyio
async def test_the_blocking_call_works_in_a_running_loop() -> None:
    """As in a notebook."""
    assert evaluate(DATA, predictions=["first"]).snapshot.succeeded


def test_a_backend_runs_datasets_models_and_metrics_of_ones_own() -> None:
    """They are offered beside the demo's, and a job of them has the figures of `evaluate()`."""

    async def shout(source: str) -> str:
        return source.upper()

    def shared_letters(hypothesis: str, reference: str) -> float:
        return float(len(set(hypothesis) & set(reference)))

    with (
        LocalBackend(
            datasets={"mine": DATA},
            models={"shout": shout, "first": predictions("first")},
            metrics={"letters": shared_letters},
        ) as backend,
        backend.sync_client() as client,
    ):
        assert (backend.datasets["mine"], backend.models["shout"], backend.metrics["letters"]) == (
            "mine", "shout", "letters",
        )  # fmt: skip
        benchmark = client.create_benchmark(
            "mine", dataset="mine", models=["shout", "first"], metrics=["chrf", "letters"]
        )
        snapshot = benchmark.start().wait(timeout=60)

    expected = evaluate(DATA, models={"shout": shout}, predictions=["first"], metrics=["chrf", shared_letters])
    figures = {row["Model"]: list(row.values())[1:] for row in snapshot.score_rows()}
    assert figures == {row["Model"]: list(row.values())[1:] for row in expected.snapshot.score_rows()}
    assert snapshot.failure_rates() == {"shout": 0.0, "first": 25.0}


def test_a_metric_that_has_gone_does_not_hide_its_jobs(tmp_path: Path) -> None:
    """A workspace whose metric is no longer registered still shows the jobs that used it."""
    with LocalBackend(tmp_path, metrics={"own": lambda h, r: 1.0}) as backend, backend.sync_client() as client:
        benchmark = client.create_benchmark("b", dataset="countries-de", models=["copy-source"], metrics=["own"])
        job_id = benchmark.start().wait(timeout=60).id

    with LocalBackend(tmp_path) as backend, backend.sync_client() as client:
        (row,) = client.job(job_id).fetch().score_rows()

    assert row == {"Model": "copy-source", "own by custom": 1.0}


def test_accuracy_and_f1_are_scikit_learns() -> None:
    """Over single labels, and over sets of labels separated by commas, whose F1 is the mean over the segments."""
    draw = Random(7)
    rights, given = ([", ".join(draw.sample("abcdef", draw.randint(1, 4))) for _ in range(300)] for _ in range(2))
    given[::5] = rights[::5]
    frame = pd.DataFrame({"source": [str(row) for row in range(300)], "reference": rights, "it": given})

    (row,) = evaluate(frame, predictions=["it"], metrics=["accuracy", "f1"]).snapshot.score_rows()

    split = [[{label.strip() for label in text.split(",")} for text in texts] for texts in (rights, given)]
    binarizer = MultiLabelBinarizer().fit(split[0] + split[1])
    expected = f1_score(*map(binarizer.transform, split), average="samples", zero_division=0.0)
    assert row["F1 by scikit-learn"] == pytest.approx(100 * expected)
    assert row["Accuracy by scikit-learn"] == pytest.approx(100 * accuracy_score(rights, given))
