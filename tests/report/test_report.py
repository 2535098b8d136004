"""A report says what the analysis found, whole and escaped, in one file."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from aiobench.analysis import AnalysisError, compare, leaderboard
from aiobench.report import report
from report.reports import HOSTILE, hostile_evaluation

if TYPE_CHECKING:
    from pathlib import Path

    from aiobench.local import Evaluation

CHRF = "chrF by sacrebleu"


class Page(HTMLParser):
    """What a page is made of: its tags with their attributes, and its text without styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave a tag."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep a text."""
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text, on one line."""
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all tags of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Evaluate once."""
    return hostile_evaluation()


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Read the report about it."""
    path = report(evaluation.snapshot, tmp_path_factory.mktemp("report") / "report.html", segments=evaluation.segments)
    return Page(path.read_text(encoding="utf-8"))


def test_it_begins_with_the_verdict(page: Page, evaluation: Evaluation) -> None:
    """The first sentence is the comparison of the first two models of the leaderboard."""
    first, second = leaderboard(evaluation.segments, metrics=[CHRF])["Model"].iloc[:2]
    verdict = compare(evaluation.segments, first, second, metric=CHRF).sentence

    assert verdict in page.text
    assert page.text.index(verdict) < page.text.index("Scores")


def test_every_figure_of_the_leaderboard_is_there(page: Page, evaluation: Evaluation) -> None:
    """Mean, interval, counts and rank of each model on each metric."""
    for row in leaderboard(evaluation.segments).to_dict("records"):
        expected = f"{row['Model']} {row['mean']:.3g} {row['low']:.3g} to {row['high']:.3g} {row['n']} {row['failed']}"
        assert expected in page.text


def test_model_output_stays_text(page: Page) -> None:
    """Names and outputs appear as they are, and add no element to the page."""
    assert HOSTILE in page.text
    assert "<img src=x onerror=alert(2)>" in page.text
    assert {name for name, _ in page.tags} & {"script", "img", "iframe", "object", "link", "b"} == set()
    assert [name for _, attributes in page.tags for name in attributes if name.startswith("on")] == []


def test_it_needs_no_network(page: Page) -> None:
    """No address of another file or machine, and a policy that would forbid one."""
    addresses = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "xlink:href", "action", "data"} and value and not value.startswith("#")
    ]
    policies = [tag["content"] for tag in page.named("meta") if tag.get("http-equiv") == "Content-Security-Policy"]

    assert addresses == []
    assert len(policies) == 1
    assert str(policies[0]).startswith("default-src 'none';")


def test_pictures_have_text_alternatives(page: Page) -> None:
    """Each SVG is an image that is named and described by its own title and text; no id is there twice."""
    ids = [str(attributes["id"]) for _, attributes in page.tags if attributes.get("id")]
    pictures = page.named("svg")

    assert len(pictures) == 4
    assert len(ids) == len(set(ids))
    for picture in pictures:
        assert picture["role"] == "img"
        assert set(str(picture["aria-labelledby"]).split()) <= set(ids)


def test_tables_can_be_followed_by_a_screen_reader(page: Page) -> None:
    """Each has a caption, and every heading says what it heads."""
    assert len(page.named("table")) == len(page.named("caption")) > 5
    assert {heading.get("scope") for heading in page.named("th")} == {"col", "row"}


def test_long_texts_and_long_tables_are_cut_and_say_so(tmp_path: Path) -> None:
    """A hundred rows of models, and 600 characters of a text."""
    frame = pd.DataFrame(
        {
            "segment_id": [number for number in range(5) for _ in range(120)],
            "Model": [f"model-{number}" for number in range(120)] * 5,
            "hypothesis": ["z" * 1000] * 600,
            CHRF: [float(number % 120 + number // 120) for number in range(600)],
        }
    )

    text = Page(report([], tmp_path / "r.html", segments=frame, baseline="model-3").read_text("utf-8")).text

    assert "The first 100 of 120 rows." in text
    assert f"{'z' * 600}\N{HORIZONTAL ELLIPSIS} (400 more characters)" in text


def test_without_segments_nobody_is_called_better(evaluation: Evaluation, tmp_path: Path) -> None:
    """Averages, failures and provenance are there, with the warning first."""
    text = Page(report(evaluation.snapshot, tmp_path / "r.html", title="Mine").read_text(encoding="utf-8")).text

    assert "no model can be called better" in text
    assert evaluation.snapshot.id in text
    assert "is better than" not in text


def test_everything_is_compared_with_a_baseline(evaluation: Evaluation, tmp_path: Path) -> None:
    """The verdict and the table are against it."""
    path = report(evaluation.snapshot, tmp_path / "r.html", segments=evaluation.segments, baseline="fair")
    text = Page(path.read_text(encoding="utf-8")).text

    assert re.search(r"is better than fair on chrF by sacrebleu by ", text)
    assert f"{CHRF}, every model against fair" in text


def test_the_file_appears_whole_or_not_at_all(evaluation: Evaluation, tmp_path: Path) -> None:
    """A report that cannot be made leaves what was there, and nothing beside it."""
    path = tmp_path / "report.html"
    path.write_text("before")

    with pytest.raises(AnalysisError):
        report(evaluation.snapshot, path, segments=evaluation.segments, baseline="nobody")
    with pytest.raises(FileNotFoundError):
        report(evaluation.snapshot, tmp_path / "missing" / "report.html")

    assert (path.read_text("utf-8"), [each.name for each in tmp_path.iterdir()]) == ("before", ["report.html"])


def test_nothing_to_report_is_explained(tmp_path: Path) -> None:
    """Neither jobs nor segments."""
    with pytest.raises(AnalysisError, match="nothing to report"):
        report([], tmp_path / "report.html")
