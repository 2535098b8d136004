"""Cards: what a notebook shows of an object, as HTML and as text, whatever the platform sent."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiobench import Benchmark, BenchmarkJob, Client, JobSnapshot, Monitor
from aiobench._display import Card, figure
from job_documents import JOBS, sample_snapshot, snapshot_from


class Printer:
    """Takes what IPython's printer takes."""

    def __init__(self) -> None:
        self.written = ""

    def text(self, text: str) -> None:
        """Remember a text."""
        self.written += text


def text_of(shown: BenchmarkJob | JobSnapshot | Benchmark | Monitor) -> str:
    """Return what IPython prints of an object."""
    printer = Printer()
    shown._repr_pretty_(printer, False)
    return printer.written


def texts_in(html: str) -> list[str]:
    """Parse HTML, which must be well formed, and return its texts."""
    return [text for text in ET.fromstring(html).itertext() if text]


@pytest.mark.parametrize("name", JOBS)
def test_every_document_has_a_card(name: str) -> None:
    """Every sample is shown, with its status and each of its models, in well-formed HTML and in text."""
    snapshot = sample_snapshot(name)
    html, text = texts_in(snapshot._repr_html_()), text_of(snapshot)

    assert f"Status: {snapshot.status}" in html
    assert f"Status: {snapshot.status}" in text
    for each in snapshot.iterations:
        model = each.display_name or each.model_id
        assert model is None or model in html
        assert model is None or model in text


def test_a_snapshot_shows_its_scores() -> None:
    """A row tells a model's status, scores with units, failed segments, credits and seconds; a dash what is missing."""
    document = {
        "status": "completed",
        "benchmark": {"id": "B"},
        "iterations": [
            {
                "pipeline": "MODEL",
                "status": "completed",
                "credits": 1.5,
                "failedSegments": 2,
                "totalSegments": 1200,
                "scores": [{"longName": "BLEU by sacrebleu", "average": 42.0, "unit": "%"}],
            },
            {"pipeline": "OTHER", "status": "failed"},
        ],
    }
    lines = text_of(snapshot_from(document)).splitlines()
    dash = "\N{EN DASH}"

    assert [line.split("  ")[1].strip() for line in lines[-3:]] == ["Model", "MODEL", "OTHER"]
    assert lines[-2].split() == ["MODEL", "completed", "42.00", "%", "2", "of", "1,200", "1.500", dash]
    assert lines[-1].split() == ["OTHER", "failed", dash, dash, dash, dash]


def test_nothing_secret_is_shown() -> None:
    """The address of the results, whose query is a signature, is on no card (F18)."""
    document = {"status": "completed", "benchmark": {"id": "B"}, "reportUrl": "https://example.com/r.csv?Signature=S"}
    snapshot = snapshot_from(document)

    assert "Signature" not in snapshot._repr_html_() + text_of(snapshot)


def test_a_document_that_cannot_be_read_is_shown_without_its_table() -> None:
    """What polling got past is no reason for a display to fail."""
    snapshot = snapshot_from(b'{"status": "in_progress", "note": "\xff"}')

    assert "Status: in_progress" in text_of(snapshot)
    assert "<table>" not in snapshot._repr_html_()


@pytest.mark.anyio
async def test_jobs_benchmarks_and_monitors_have_cards() -> None:
    """Each says what it is and what is known of it, without a request."""
    client = Client("KEY", base_url="http://127.0.0.1:9")
    job = BenchmarkJob("JOB", "completed", "B", client=client, note="<mine>")
    benchmark = Benchmark("B", "Name", ("M1", "M2"), ("D",), ("METRIC",), client)

    assert texts_in(job._repr_html_()) == ["Benchmark job JOB", "Status: completed", "Benchmark: B", "note: <mine>"]
    assert text_of(benchmark).splitlines()[1:] == ["  Id: B", "  Dataset: D", "  Models: M1, M2", "  Metrics: METRIC"]
    assert text_of(client.monitor([job])).startswith("Monitor of 1 jobs: 0 finished, 1 pending")
    assert repr(job) == "<Benchmark Job(JOB)>"


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(words, words)
def test_everything_is_escaped(name: str, value: str) -> None:
    """Whatever a text holds, the HTML shows that very text and no more."""
    card = Card(name, ((name, value),), ("A", "B"), ((name, value),))

    assert texts_in(card.html()) == [name, f"{name}: {value}", "A", "B", name, value]


@given(st.text())
def test_a_text_does_not_steer_the_terminal(value: str) -> None:
    """Control characters are replaced, line breaks included: a card has the lines that it means to have."""
    lines = Card("title", (("name", value),)).text().split("\n")

    assert len(lines) == (2 if value else 1)
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (None, "%", "\N{EN DASH}"),
        (0, None, "0"),
        (1234, None, "1,234"),
        (97.9, "%", "97.90 %"),
        (0.96951, None, "0.9695"),
        (123456.7, None, "123,457"),
        (float("nan"), None, "nan"),
    ],
)
def test_figures_are_for_people(value: float | None, unit: str | None, expected: str) -> None:
    """Four digits that count, thousands apart, the unit behind."""
    assert figure(value, unit) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("completed", "completed, 2 models"),
        ("in_progress", "in_progress, 40 %, 2 models"),
        ("one_iteration_failed", "completed, 1 of 2 models failed"),
    ],
)
def test_a_snapshot_says_in_one_line_how_the_job_is(name: str, expected: str) -> None:
    """The `repr()` names the job, its status, progress, models and the time of the poll, and not the document."""
    snapshot = sample_snapshot(name)

    assert (
        repr(snapshot) == f"<JobSnapshot {snapshot.id}: {expected}, polled {snapshot.polled_at:%Y-%m-%d %H:%M:%S} UTC>"
    )
