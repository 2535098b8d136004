"""The embedded backend answers as its OpenAPI document says, to what that allows and to what it does not."""

from __future__ import annotations

import json
import threading
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from aiobench.local.server.app import build_app
from aiobench.local.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Platform

CONTENT = files("aiobench.local.server").joinpath("openapi.json").read_text("utf-8")
ENDLESS = "events"  # a stream, which tests/local/test_page.py reads

schema = schemathesis.openapi.from_dict(json.loads(CONTENT))


@pytest.fixture(scope="module")
def job(demo: Platform) -> dict[str, Any]:
    """Run a job that there is something to say about."""
    return demo.run("countries-de", ["iso-strict", "copy-source"], ["chrf", "wer"])


def key(demo: Platform) -> dict[str, str]:
    """Return the header with the key."""
    return {"Authorization": f"Token {demo.backend.api_key}"}


@schema.exclude(operation_id=ENDLESS).parametrize()
@settings(
    max_examples=20, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
def test_whatever_is_sent_is_answered_as_described(case: schemathesis.Case, demo: Platform) -> None:
    """Status, type and shape are described ones, the server never fails, and bad input is refused."""
    # A document cannot say which ids there are, so what it allows may name others.
    case.call_and_validate(
        base_url=demo.backend.base_url, headers=key(demo), timeout=20, excluded_checks=[positive_data_acceptance]
    )


def test_good_requests_are_answered_as_described(demo: Platform, job: dict[str, Any]) -> None:
    """Each operation with ids that there are: the reply is a good one, and its shape the described one."""
    benchmark, job_id = job["benchmark"]["id"], job["jobId"]
    results = demo.http.get(f"/page/jobs/{job_id}").json()["files"]
    signed = [dict(part.split("=") for part in file["url"].partition("?")[2].split("&")) for file in results]
    new = {"name": "n", "datasets": ["countries-de"], "model": ["copy-source"], "metrics": [{"id": "chrf"}]}
    query = {"metricId": "bleu", "modelIds": ["copy-source"]}
    requests: dict[str, tuple[int, dict[str, Any]]] = {
        "createBenchmark": (201, {"body": new, "media_type": "application/json"}),
        "normalizationOptions": (200, {"body": query, "media_type": "application/json"}),
        "benchmark": (200, {"path_parameters": {"id": benchmark}}),
        "start": (201, {"path_parameters": {"id": benchmark}}),
        "jobs": (200, {"path_parameters": {"id": benchmark}}),
        "job": (200, {"path_parameters": {"id": job_id}}),
        "model": (200, {"path_parameters": {"id": "copy-source"}}),
        "dataset": (200, {"path_parameters": {"id": "countries-de"}}),
        "metric": (200, {"path_parameters": {"id": "bleu"}}),
        "metrics": (200, {}),
        "results": (200, {"path_parameters": {"id": job_id}, "query": signed[0]}),
        "report": (200, {"path_parameters": {"id": job_id}, "query": signed[1]}),
        "page": (200, {}),
        "shownJob": (200, {"path_parameters": {"id": job_id}}),
        "cancel": (409, {"path_parameters": {"id": job_id}}),
        "description": (200, {}),
    }
    assert {result.ok().definition.raw["operationId"] for result in schema.get_all_operations()} == {*requests, ENDLESS}
    for name, (status, arguments) in requests.items():
        case = schema.find_operation_by_id(name).Case(**arguments)
        reply = case.call_and_validate(base_url=demo.backend.base_url, headers=key(demo), timeout=60)
        assert reply.status_code == status, name


def test_every_route_is_described(demo: Platform, make_workspace: Callable[..., Path]) -> None:
    """None is forgotten, and none is described that is not there; it serves the description itself."""
    no_runner: Any = None
    guarded: Any = build_app(open_workspace(make_workspace()), no_runner, "http://127.0.0.1:1", threading.Event())
    served = {(method, route.path) for route in guarded.app.routes for method in route.methods - {"HEAD"}}
    paths = schema.raw_schema["paths"].items()
    assert served == {(method.upper(), path) for path, item in paths for method in item if method != "parameters"}
    assert demo.http.get("/openapi.json").json() == json.loads(CONTENT)
