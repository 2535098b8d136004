"""The routes of docs/reference/wire.md: requests in, documents out. Other modules decide what they mean."""

from __future__ import annotations

import contextlib
import json
import secrets
import time
import zlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from aiobench.local.catalogue.metrics import NORMALIZATIONS
from aiobench.local.engine.benchmarks import InvalidRequestError, parse_benchmark, parse_normalization_query
from aiobench.local.engine.results import Signer
from aiobench.local.server import documents
from aiobench.local.server.guard import RESULTS_PREFIX, Guard
from aiobench.local.server.page import Page

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncGenerator, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from aiobench.local.engine.benchmarks import Benchmark
    from aiobench.local.engine.records import Job
    from aiobench.local.engine.runner import Runner
    from aiobench.local.engine.store import Store
    from aiobench.local.workspace import Workspace

__all__ = ["build_app"]

DESCRIPTION = files("aiobench.local.server").joinpath("openapi.json")
MAX_BODY = 1 << 20  # bytes; a benchmark takes a few hundred

_Asset = TypeVar("_Asset")


def build_app(workspace: Workspace, runner: Runner, base_url: str, stopping: threading.Event) -> ASGIApp:
    """Create the ASGI application for a workspace.

    Args:
        workspace: What it serves.
        runner: What runs the jobs it starts.
        base_url: Where it will be reached.
        stopping: Set when the server is to stop.

    Returns:
        The ASGI application, guarded; it must be given lifespan events.
    """
    routes = _Routes(workspace, runner, base_url, stopping)
    app = Starlette(
        routes=[
            Route("/sdk/benchmarks", routes.create_benchmark, methods=["POST"]),
            Route("/sdk/benchmarks/normalization-options", routes.normalization_options, methods=["POST"]),
            Route("/sdk/benchmarks/jobs/{id}", routes.job),
            Route("/sdk/benchmarks/{id}", routes.benchmark),
            Route("/sdk/benchmarks/{id}/jobs", routes.jobs),
            Route("/sdk/benchmarks/{id}/start", routes.start, methods=["POST"]),
            Route("/sdk/models/{id}", routes.model),
            Route("/sdk/datasets/{id}/overview", routes.dataset),
            Route("/sdk/metrics", routes.metrics),
            Route("/sdk/metrics/{id}", routes.metric),
            Route(RESULTS_PREFIX + "{id}.csv", routes.results),
            Route("/openapi.json", routes.description),
            *routes.page.routes(),
        ],
        exception_handlers={
            HTTPException: _http_error,
            InvalidRequestError: _invalid_request,
            Exception: _server_error,
        },
        lifespan=routes.lifespan,
    )
    app.router.redirect_slashes = False
    return Guard(app, api_key=workspace.settings.api_key, origin=base_url)


class _Routes:
    def __init__(self, workspace: Workspace, runner: Runner, base_url: str, stopping: threading.Event) -> None:
        self._workspace = workspace
        self._catalogue = workspace.catalogue
        self._runner = runner
        self._base_url = base_url
        self._signer = Signer(workspace.settings.secret, workspace.settings.report_seconds)
        self._store: Store
        self.page = Page(workspace, runner, self._signer, lambda: self._store, stopping)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        # Opened here because this is the server's thread, and a store belongs to its thread.
        with self._workspace.store() as self._store:
            yield

    async def create_benchmark(self, request: Request) -> Response:
        payload = await _json(request)
        benchmark = parse_benchmark(payload, benchmark_id=secrets.token_hex(12), catalogue=self._catalogue)
        self._store.add_benchmark(benchmark)
        return JSONResponse({"id": benchmark.id}, status_code=201)

    async def benchmark(self, request: Request) -> Response:
        return _document(request, documents.benchmark_document(self._benchmark(request)))

    async def start(self, request: Request) -> Response:
        benchmark = self._benchmark(request)
        dataset = self._catalogue.datasets.get(benchmark.dataset_id)
        if dataset is None:
            raise InvalidRequestError(f"Dataset {benchmark.dataset_id} of the benchmark is no longer in the workspace")
        job_id = secrets.token_hex(12)
        self._store.add_job(job_id, benchmark, len(dataset.segments))
        self._runner.submit(job_id)
        return JSONResponse({"jobId": job_id}, status_code=201)

    async def jobs(self, request: Request) -> Response:
        benchmark = self._benchmark(request)
        entries = [
            documents.job_list_entry(job_id, benchmark.id, status, created, updated)
            for job_id, status, created, updated in self._store.jobs_of(benchmark.id)
        ]
        return _document(request, entries)

    async def job(self, request: Request) -> Response:
        job = self._store.job(request.path_params["id"])
        if job is None:
            _not_found("Benchmark job")
        return _document(request, documents.job_document(job, now=time.time(), report_url=self._report_url(job)))

    async def normalization_options(self, request: Request) -> Response:
        metric_id, model_ids = parse_normalization_query(await _json(request))
        _find(self._catalogue.metrics, metric_id, "Metric")
        for model_id in model_ids:
            _find(self._catalogue.models, model_id, "Model")
        return JSONResponse([{"value": name} for name in NORMALIZATIONS])

    async def model(self, request: Request) -> Response:
        model_id = request.path_params["id"]
        return JSONResponse(documents.model_document(model_id, _find(self._catalogue.models, model_id, "Model")))

    async def dataset(self, request: Request) -> Response:
        dataset = _find(self._catalogue.datasets, request.path_params["id"], "Dataset")
        return JSONResponse(documents.dataset_document(dataset))

    async def metric(self, request: Request) -> Response:
        return JSONResponse(
            documents.metric_document(_find(self._catalogue.metrics, request.path_params["id"], "Metric"))
        )

    async def metrics(self, _request: Request) -> Response:
        return JSONResponse(
            {"results": [documents.metric_document(metric) for metric in self._catalogue.metrics.values()]}
        )

    async def results(self, request: Request) -> Response:
        refusal = self._signer.refusal(request.url.path, request.query_params)
        if refusal is not None:
            return _forbidden(*refusal)
        path = self._workspace.results(request.path_params["id"])
        if not path.is_file():
            _not_found("Results")
        # Starlette's answer knows ranges, If-Range and HEAD, and its ETag is strong.
        return FileResponse(path, media_type="text/csv; charset=utf-8", filename=path.name)

    async def description(self, _request: Request) -> Response:
        return Response(DESCRIPTION.read_bytes(), media_type="application/json")

    def _benchmark(self, request: Request) -> Benchmark:
        benchmark = self._store.benchmark(request.path_params["id"])
        if benchmark is None:
            _not_found("Benchmark")
        return benchmark

    def _report_url(self, job: Job) -> str:
        if job.status != "completed":
            return ""
        return self._base_url + self._signer.sign(f"{RESULTS_PREFIX}{job.id}.csv")


def _find(assets: Mapping[str, _Asset], asset_id: object, kind: str) -> _Asset:
    if not isinstance(asset_id, str) or asset_id not in assets:
        _not_found(kind)
    return assets[asset_id]


def _document(request: Request, content: object) -> Response:
    """Reply with a document and its ETag, or with 304 if the client has that version (RFC 9110, 13.1.2)."""
    body = msgspec.json.encode(content)
    etag = f'W/"{len(body):x}-{zlib.crc32(body):08x}"'
    known = {each.strip() for each in request.headers.get("if-none-match", "").split(",")}
    if known & {etag, "*"}:
        return Response(status_code=304, headers={"etag": etag})
    return Response(body, headers={"etag": etag}, media_type="application/json")


def _not_found(kind: str) -> NoReturn:
    raise HTTPException(404, f"{kind} not found")


async def _json(request: Request) -> Any:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"The body is longer than {MAX_BODY} bytes")
    try:
        payload = json.loads(body, parse_constant=_no_constant)
        json.dumps(payload, ensure_ascii=False).encode()  # lone surrogates can be read but not stored
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError("The body is not valid JSON") from error
    return payload


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


async def _http_error(_request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    return JSONResponse({"statusCode": error.status_code, "message": error.detail}, error.status_code, error.headers)


async def _invalid_request(_request: Request, error: Exception) -> Response:
    return JSONResponse({"statusCode": 400, "message": str(error)}, status_code=400)


async def _server_error(_request: Request, _error: Exception) -> Response:
    message = "Internal server error; the log of aiobench.local says more under this request's id"
    return JSONResponse({"statusCode": 500, "message": message}, status_code=500)


def _forbidden(code: str, message: str) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return Response(body, status_code=403, media_type="application/xml")
