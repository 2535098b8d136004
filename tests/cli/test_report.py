"""`report` and `plot` write a file, whole or not at all, from jobs and from saved files alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Folder

BLEU = "BLEU by sacrebleu"
SEGMENTS = pd.DataFrame(
    {
        "segment_id": [*range(12)] * 2,
        "Model": ["first"] * 12 + ["second"] * 12,
        "Model_success": True,
        "source": [f"source {number}" for number in range(12)] * 2,
        BLEU: [*range(40, 52), *range(10, 34, 2)],
    }
)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Serve a platform with a job that has results."""
    platform = FakePlatform()
    platform.job("completed", id="job-1", segments=SEGMENTS)
    with platform.served() as settings:
        yield settings


def test_a_job_is_reported(folder: Folder, environment: dict[str, str]) -> None:
    """The file has the verdict, and where it comes from."""
    done = folder.run("report", "job-1", "-o", "r.html", "--title", "Week 9", "--baseline", "second", **environment)

    page = (folder.work / "r.html").read_text(encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, "")
    assert "<title>Week 9</title>" in page
    assert f"first is better than second on {BLEU}" in page
    assert "job-1" in page


def test_a_file_is_reported(folder: Folder) -> None:
    """What was saved before is enough; no platform is asked."""
    SEGMENTS.to_csv(folder.work / "results.csv", index=False)

    done = folder.run("report", "results.csv", "-o", "r.html", "--json")

    assert json.loads(done.stdout) == {"path": "r.html"}
    assert f"first is better than second on {BLEU}" in (folder.work / "r.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("what", "ending"), [("scores", "png"), ("differences", "svg"), ("failures", "pdf")])
def test_pictures_are_drawn(folder: Folder, what: str, ending: str) -> None:
    """The ending decides the format."""
    SEGMENTS.to_csv(folder.work / "results.csv", index=False)

    done = folder.run("plot", "results.csv", "-o", f"picture.{ending}", "--what", what)

    content = (folder.work / f"picture.{ending}").read_bytes()
    assert (done.returncode, done.stdout) == (0, "")
    if ending == "svg":
        assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
    else:
        assert content.startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[ending])


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["report", "results.csv", "-o", "r.pdf"], 2, "the ending '.pdf' is unknown; use .html"),
        (["report", "results.csv", "-o", "r.html", "--baseline", "nobody"], 2, "there is no model 'nobody'"),
        (["plot", "results.csv", "-o", "missing/p.png"], 5, "the folder missing does not exist"),
        (["plot", "results.csv", "-o", "p.png", "-m", "chrF"], 2, "there is no metric 'chrF'"),
    ],
)
def test_what_cannot_be_written_is_explained(folder: Folder, arguments: list[str], status: int, sentence: str) -> None:
    """A sentence, a status, and no file."""
    SEGMENTS.to_csv(folder.work / "results.csv", index=False)

    done = folder.run(*arguments)

    assert (done.returncode, sentence in done.stderr) == (status, True)
    assert [path.name for path in folder.work.iterdir()] == ["results.csv"]
