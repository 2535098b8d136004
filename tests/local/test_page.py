"""The page's requests: what it may ask, what it receives, and what it does not receive without the key."""

from __future__ import annotations

import json
import re
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from aiobench.local import LocalBackend
from aiobench.local.server import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Platform

PATHS = [("GET", "/page/events"), ("GET", "/page/jobs/x"), ("POST", "/page/jobs/x/cancel")]


@pytest.fixture
def stalled(
    make_workspace: Callable[..., Any], connect: Callable[[LocalBackend], Platform]
) -> Iterator[tuple[Platform, str]]:
    """Run a backend whose one job waits in its model until the test is over."""
    gate = threading.Event()

    def waits(source: str) -> str:
        gate.wait(30)
        return source

    with LocalBackend(make_workspace(), models={"waits": waits}) as backend:
        platform = connect(backend)
        job_id = platform.start(platform.create("tiny", ["waits"], ["chrf"]))
        platform.until(job_id, lambda job: job["status"] == "in_progress")
        yield platform, job_id
        gate.set()


def test_the_page_is_open_and_empty(demo: Platform) -> None:
    """It needs no key, holds neither key nor data, is kept by nobody, and sets no cookie."""
    demo.run("countries-de", ["copy-source"], ["chrf"])
    reply = httpx.get(demo.backend.base_url)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert demo.backend.api_key not in reply.text
    assert "copy-source" not in reply.text
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in reply.headers


def test_its_policy_allows_its_own_script_and_style_alone(demo: Platform) -> None:
    """By their hashes; nothing is loaded from elsewhere, nothing in the markup runs or styles."""
    reply = httpx.get(demo.backend.base_url)
    policy = dict(part.strip().partition(" ")[::2] for part in reply.headers["content-security-policy"].split(";"))

    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", policy["script-src"])
    assert re.fullmatch(r"'sha256-[\w+/=]{44}'", policy["style-src"])
    assert policy["connect-src"] == "'self'"
    assert not re.search(r"\son\w+=|\sstyle=|https?://(?!www\.w3\.org/2000/svg)", reply.text)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|localStorage|sessionStorage", reply.text
    )


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_f30_the_page_is_told_nothing_without_the_key(demo: Platform, method: str, path: str) -> None:
    """Its requests need the key, its own origin and its own host, like all others."""
    url, key = demo.backend.base_url + path, f"Token {demo.backend.api_key}"
    assert httpx.request(method, url).status_code == 401
    assert httpx.request(method, url, headers={"Authorization": key, "Host": "evil.example"}).status_code == 421
    assert (
        httpx.request(method, url, headers={"Authorization": key, "Origin": "http://evil.example"}).status_code == 403
    )


def test_f30_a_name_that_points_here_does_not_open_the_page(demo: Platform) -> None:
    """Not even the empty page."""
    assert httpx.get(demo.backend.base_url, headers={"Host": "evil.example"}).status_code == 421


def events(lines: Iterator[str]) -> Iterator[list[dict[str, Any]]]:
    """Read server-sent events."""
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_jobs_are_sent_as_they_change(stalled: tuple[Platform, str]) -> None:
    """All there are, then each change: here a job that is canceled by the page's own request."""
    platform, job_id = stalled
    with platform.http.stream("GET", "/page/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        reported = events(stream.iter_lines())
        (job,) = next(reported)
        assert (job["id"], job["name"], job["status"], job["done"], job["total"]) == (
            job_id,
            "test",
            "in_progress",
            0,
            4,
        )

        assert platform.http.post(f"/page/jobs/{job_id}/cancel").status_code == 202
        seen: list[str] = []
        while "canceled" not in seen:
            seen += [each["status"] for each in next(reported)]

    assert set(seen) <= {"canceling", "canceled"}
    reply = platform.http.post(f"/page/jobs/{job_id}/cancel")
    assert (reply.status_code, reply.json()["message"]) == (409, "it has ended already, as canceled")
    assert platform.http.get(f"/page/jobs/{job_id}").json()["files"] == []


def test_a_stream_does_not_hold_the_backend_up(
    make_workspace: Callable[..., Any], connect: Callable[[LocalBackend], Platform], caplog: pytest.LogCaptureFixture
) -> None:
    """It ends when the backend stops, without a complaint of the server."""
    backend = LocalBackend(make_workspace())
    backend.start()
    platform = connect(backend)
    with platform.http.stream("GET", "/page/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "data: []"
        backend.stop()
        assert list(lines) == [""]
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_a_quiet_stream_says_something_now_and_then(demo: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a connection that is gone is noticed."""
    monkeypatch.setattr(page, "BEAT", 0.5)
    with demo.http.stream("GET", "/page/events") as stream:
        reported = events(stream.iter_lines())
        next(reported)
        assert next(reported) == []


def test_a_job_is_shown_with_its_leaderboard_and_files(demo: Platform) -> None:
    """The figures are those of `aiobench.analysis`, and the files open by their signed addresses alone."""
    document = demo.run("countries-de", ["iso-gettext", "copy-source"], ["chrf", "wer"])
    shown = demo.http.get(f"/page/jobs/{document['jobId']}").json()

    assert (shown["name"], shown["status"], shown["about"]) == ("test", "completed", "2 models on 249 segments")
    assert [(board["metric"], board["lowerIsBetter"]) for board in shown["boards"]] == [
        ("chrF by sacrebleu", False), ("WER by jiwer", True),
    ]  # fmt: skip
    for board in shown["boards"]:
        first, second = board["rows"]
        assert (first["model"], first["ranks"], first["best"], first["n"]) == ("iso-gettext", "1", True, 249)
        assert (second["model"], second["ranks"], second["best"]) == ("copy-source", "2", False)
        assert first["low"] < first["mean"] < first["high"]
    files = {file["name"]: demo.backend.base_url + file["url"] for file in shown["files"]}
    assert httpx.get(files["Results (CSV)"]).text.startswith("segment_id,")
    report = httpx.get(files["Report"], timeout=60)
    assert "<title>test</title>" in report.text
    assert "script" not in report.headers["content-security-policy"]
    assert "sandbox" in report.headers["content-security-policy"]
    for url in (
        files["Report"].partition("?")[0],
        files["Report"] + "0",
        files["Report"].replace(document["jobId"], "x"),
    ):
        assert httpx.get(url).status_code == 403


def test_a_job_without_anything_to_compare_says_so(
    make_workspace: Callable[..., Any], connect: Callable[[LocalBackend], Platform]
) -> None:
    """Of a model that failed on every segment there is no leaderboard, and the rest is shown."""

    def fails(source: str) -> str:
        raise ValueError(source)

    with LocalBackend(make_workspace(), models={"fails": fails}) as backend:
        platform = connect(backend)
        document = platform.run("tiny", ["fails"], ["chrf"])
        shown = platform.http.get(f"/page/jobs/{document['jobId']}").json()

    reason = "There is no leaderboard: no model has a score for 'chrF by sacrebleu'"
    assert shown["about"] == f"1 model on 4 segments. {reason}"
    assert shown["boards"] == []
    assert len(shown["files"]) == 2


def test_a_metric_without_scores_hides_no_other(
    make_workspace: Callable[..., Any], connect: Callable[[LocalBackend], Platform]
) -> None:
    """The metrics that have scores have their leaderboards."""

    def broken(hypothesis: str, reference: str) -> float:
        raise ZeroDivisionError(hypothesis, reference)

    with LocalBackend(make_workspace(), metrics={"broken": broken}) as backend:
        platform = connect(backend)
        document = platform.run("tiny", ["copy-source"], ["chrf", "broken"])
        shown = platform.http.get(f"/page/jobs/{document['jobId']}").json()

    assert [board["metric"] for board in shown["boards"]] == ["chrF by sacrebleu"]


def test_what_is_not_there_is_not_found(demo: Platform) -> None:
    """A sentence and a 404."""
    for method, path in PATHS[1:]:
        reply = demo.http.request(method, path)
        assert (reply.status_code, reply.json()["message"]) == (404, "Benchmark job not found")
