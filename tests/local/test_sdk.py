"""The incumbent SDK, unchanged, works against the local backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Platform

SESSION = """
import json, sys, time
from pathlib import Path
from aixplain.factories import BenchmarkFactory, DatasetFactory, MetricFactory, ModelFactory
from aixplain.modules.benchmark_job import BenchmarkJob

dataset = DatasetFactory.get("countries-de")
models = [ModelFactory.get(i) for i in ("iso-strict", "copy-source")]
metrics = [MetricFactory.get(i) for i in ("bleu", "wer")]
plain = BenchmarkFactory.create("plain", [dataset], models, metrics)
loud = ModelFactory.get("copy-source")
loud.add_additional_info_for_benchmark("Loud", {"case": "upper"})
named = BenchmarkFactory.create("named", [dataset], [loud], [MetricFactory.get("exact-match")])
seen = {"options": BenchmarkFactory.list_normalization_options(metrics[0], models[0]),
        "metrics": [metric.id for metric in MetricFactory.list()["results"]],
        "length": dataset.length, "refused": []}
for benchmark in (plain, named):
    job = benchmark.start()
    deadline = time.monotonic() + 60
    while job.check_status() != "completed":
        assert time.monotonic() < deadline
    job = BenchmarkJob(job.id, "", benchmark.id)
    assert (repr(job), job.check_status()) == (f"<Benchmark Job({job.id})>", "completed")
    assert [listed.id for listed in BenchmarkFactory.get(benchmark.id).job_list] == [job.id]
    assert BenchmarkFactory.get_job(job.id).status == "completed"
    frame = job.download_results_as_csv(return_dataframe=True)
    saved, chosen = Path(job.download_results_as_csv()), Path(job.download_results_as_csv(save_path="mine.csv"))
    assert saved.read_bytes() == chosen.read_bytes()
    scores, rates = job.get_scores(), job.get_failuire_rate()
    seen[benchmark.name] = {
        "id": job.id, "frame": list(frame.shape), "rows": scores.to_dict("records"), "suffix": saved.suffix,
        "list": job.get_scores(return_as_dataframe=False), "raw": job.get_scores(return_simplified=False),
        "rates": job.get_failuire_rate(return_as_dataframe=False), "rate_rows": rates.to_dict("records")}
seen["suppliers"] = BenchmarkFactory.get_benchmark_job_scores(seen["plain"]["id"])["Model"].tolist()
for ask in (lambda: BenchmarkFactory.get("nope"), lambda: BenchmarkFactory.create("x", [dataset], models, [])):
    try:
        ask()
    except Exception as error:
        seen["refused"].append(str(error))
Path("seen.json").write_text(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def seen(demo: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run a session of the SDK in a process of its own; give what it saw."""
    folder: Path = tmp_path_factory.mktemp("sdk")
    environment = {name: value for name, value in os.environ.items() if "AIXPLAIN" not in name} | {
        "BACKEND_URL": demo.backend.base_url,
        "TEAM_API_KEY": demo.backend.api_key,
        "AIXPLAIN_ALLOW_INSECURE_URLS": "1",
        "AIXPLAIN_ALLOW_PRIVATE_FETCH": "1",
    }
    done = subprocess.run(  # noqa: PLW1510 - checked below, with what it said
        [sys.executable, "-c", SESSION], cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=90
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "seen.json").read_text("utf-8"))


def test_sdk_reads_what_the_document_says(demo: Platform, seen: dict[str, Any]) -> None:
    """Scores in every form and failure rates are those of the document the backend serves."""
    for name in ("plain", "named"):
        document = demo.job(seen[name]["id"])
        labels = ["Loud"] if name == "named" else ["iso-strict", "copy-source"]
        simple = [
            {"Model": label} | {score["longName"]: score["average"] for score in iteration["scores"]}
            for label, iteration in zip(labels, document["iterations"], strict=True)
        ]
        assert seen[name]["rows"] == seen[name]["list"] == simple
        assert seen[name]["raw"] == {
            label: {
                "creditsUsed": round(iteration["credits"], 5),
                "timeSpent": round(iteration["runtime"], 2),
                "status": "completed",
                "rawScores": iteration["scores"],
            }
            for label, iteration in zip(labels, document["iterations"], strict=True)
        }
        rates = {
            label: 100 * iteration["failedSegments"] / 249
            for label, iteration in zip(labels, document["iterations"], strict=True)
        }
        assert seen[name]["rates"] == rates
        assert seen[name]["rate_rows"] == [{"Model": label, "Failure Rate": rate} for label, rate in rates.items()]


def test_sdk_downloads_the_results(seen: dict[str, Any]) -> None:
    """Both forms of download work, and hold a row per segment and model."""
    assert seen["plain"]["frame"] == [2 * 249, 11]
    assert seen["named"]["frame"] == [249, 10]


def test_sdk_reads_the_assets(demo: Platform, seen: dict[str, Any]) -> None:
    """Datasets, models, metrics and options come through the SDK's own classes."""
    assert seen["options"] == ["lowercase", "strip-punctuation", "strip-accents"]
    assert seen["metrics"] == list(demo.backend.metrics)
    assert seen["length"] == 249
    assert [name.endswith("(1)") for name in seen["suppliers"]] == [True, True]


def test_sdk_is_told_why_it_is_refused(seen: dict[str, Any]) -> None:
    """The SDK's errors carry the backend's words."""
    assert "Benchmark not found" in seen["refused"][0]
    assert "at least one metric" in seen["refused"][1]
