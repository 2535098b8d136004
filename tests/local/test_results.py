"""The results file: its rows, and how it is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Platform


@pytest.fixture(scope="session")
def url(demo_job: list[dict[str, Any]]) -> str:
    """Share the address of a finished job's results."""
    return demo_job[-1]["reportUrl"]


def test_one_row_per_segment_and_model(demo: Platform, demo_job: list[dict[str, Any]]) -> None:
    """The file is long: every model's row for every segment, in order, with the columns of docs/reference/wire.md."""
    rows = demo.rows(demo_job[-1])
    assert list(rows[0]) == [
        "segment_id", "Model", "Model_success", "source", "reference", "hypothesis", "topic", "BLEU by sacrebleu",
        "chrF by sacrebleu", "TER by sacrebleu", "WER by jiwer", "Exact match by aiobench", "CER by jiwer",
        "Accuracy by scikit-learn", "F1 by scikit-learn", "credits_used", "runTimeInSecs",
    ]  # fmt: skip
    assert [(row["Model"], int(row["segment_id"])) for row in rows] == [
        (model, segment) for model in demo.backend.models for segment in range(249)
    ]
    credits_used = sum(float(row["credits_used"]) for row in rows)
    assert credits_used == pytest.approx(demo_job[-1]["progress"]["usedCredits"])
    assert {row["topic"] for row in rows} > {"Europe", "Asia", "Africa"}
    andorra = rows[0]
    assert (andorra["source"], andorra["reference"], andorra["topic"]) == ("Andorra", "Andorra", "Europe")


def test_failed_rows_have_no_hypothesis_and_no_scores(demo: Platform, demo_job: list[dict[str, Any]]) -> None:
    """A failed segment's row says so and leaves empty what there is not."""
    rows = demo.rows(demo_job[-1])
    failed = [row for row in rows if row["Model_success"] == "False"]
    assert {row["Model"] for row in failed} == {"iso-strict"}
    assert {(row["hypothesis"], row["WER by jiwer"], float(row["credits_used"])) for row in failed} == {("", "", 0.0)}


def test_head_tells_length_type_and_a_strong_etag(url: str) -> None:
    """HEAD has what a download needs to know, and no body."""
    head, get = httpx.head(url), httpx.get(url)
    assert head.status_code == get.status_code == 200
    assert int(head.headers["content-length"]) == len(get.content)
    assert head.headers["content-type"] == "text/csv; charset=utf-8"
    assert head.headers["accept-ranges"] == "bytes"
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["etag"].startswith('"')
    assert head.content == b""


def test_range_gives_that_part(url: str) -> None:
    """A range is answered with 206, its place in the whole, and exactly those bytes."""
    whole = httpx.get(url).content
    part = httpx.get(url, headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, whole[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    rest = httpx.get(url, headers={"Range": f"bytes={len(whole) - 7}-"})
    assert (rest.status_code, rest.content) == (206, whole[-7:])


def test_range_past_the_end_is_a_416(url: str) -> None:
    """A range that starts past the end is refused with the length."""
    whole = httpx.get(url).content
    reply = httpx.get(url, headers={"Range": f"bytes={len(whole)}-"})
    assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{len(whole)}")


def test_if_range_resumes_only_the_same_file(url: str) -> None:
    """With the right strong ETag a range is served; with another, or a weak one, the whole file."""
    whole = httpx.get(url)
    etag = whole.headers["etag"]
    seen = [
        httpx.get(url, headers={"Range": "bytes=5-9", "If-Range": condition}).content
        for condition in (etag, '"another"', f"W/{etag}")
    ]
    assert seen == [whole.content[5:10], whole.content, whole.content]


@pytest.mark.parametrize("change", ["signature", "expires", "path", "nothing"])
def test_only_the_signed_address_opens(url: str, change: str) -> None:
    """A changed signature, expiry or path, or none at all, is a 403 in XML."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    altered = {
        "signature": url[:-4] + "beef" if not url.endswith("beef") else url[:-4] + "dead",
        "expires": url.replace(query["expires"], str(int(query["expires"]) + 1)),
        "path": url.replace(".csv", "0.csv"),
        "nothing": url.partition("?")[0],
    }[change]
    reply = httpx.get(altered)
    assert (reply.status_code, reply.headers["content-type"]) == (403, "application/xml")
    assert "<Code>SignatureDoesNotMatch</Code>" in reply.text


def test_address_expires(make_workspace: Callable[..., Path], connect: Callable[[LocalBackend], Platform]) -> None:
    """An address whose time is over is a 403 in XML that says so, for GET and HEAD."""
    with LocalBackend(make_workspace(reportSeconds=0)) as backend:
        url = connect(backend).run("tiny", ["copy-source"], ["wer"])["reportUrl"]
        reply = httpx.get(url)
        assert (reply.status_code, reply.headers["content-type"]) == (403, "application/xml")
        assert "<Code>AccessDenied</Code><Message>Request has expired" in reply.text
        assert httpx.head(url).status_code == 403


def test_address_does_not_hold_the_key(demo: Platform, url: str) -> None:
    """The key is not in the address, which goes to browsers and logs."""
    assert demo.backend.api_key not in url
    assert url.startswith(f"{demo.backend.base_url}/results/")
