"""A web service that starts benchmark jobs and acts on their results, even if it is killed and restarted.

pip install "aiobench[otel]" fastapi uvicorn opentelemetry-exporter-prometheus
export TEAM_API_KEY=…                # and BACKEND_URL=… for another platform, such as `aiobench serve`
uvicorn --app-dir examples service:app

curl localhost:8000/benchmarks/BENCHMARK_ID/runs --json '{"requested_by": "ada"}'
curl localhost:8000/runs             # what is running: status, progress, who asked for it
curl localhost:8000/runs/JOB_ID      # what became of one
curl localhost:8000/metrics          # requests, watched jobs and their ends, for Prometheus

Its tests are beside it, in `test_service.py`: they need no platform, and hours of waiting pass in a moment.
"""

import json
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import generate_latest
from pydantic import BaseModel

from aiobench import Abandoned, AiobenchError, Client, Finished, Monitor, NotFoundError, StartInterrupted
from aiobench.telemetry import instrument

logger = logging.getLogger("service")
meters = MeterProvider([PrometheusMetricReader()])  # one for the process: what it counts goes on over a reload


class Outcomes:
    """What became of the runs: one JSON file each. Writing one twice does no harm."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, job_id: str, outcome: dict[str, Any]) -> None:
        """Keep an outcome: the file is there whole, or not at all."""
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self._folder, suffix=".part", delete=False) as part:
            json.dump(outcome, part)
        Path(part.name).replace(self._folder / f"{job_id}.json")

    def read(self, job_id: str) -> dict[str, Any] | None:
        """Return an outcome, or None before there is one."""
        path = self._folder / f"{job_id}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.parent == self._folder and path.is_file() else None


async def act(outcomes: Outcomes, monitor: Monitor, event: Finished | Abandoned) -> None:
    """Handle a job that is done, then acknowledge it.

    Until it is acknowledged, the event comes again after a restart, so it must be safe to handle twice.
    """
    match event:
        case Finished(snapshot=snapshot):
            outcome = {"status": snapshot.status, "scores": snapshot.score_rows(), "request": event.note}
        case Abandoned(error=error):
            outcome = {"status": "abandoned", "error": str(error), "request": event.note}
    await anyio.to_thread.run_sync(outcomes.write, event.job.id, outcome)
    await monitor.ack(event)
    logger.info("job %s is done: %s", event.job.id, outcome["status"])


async def follow(outcomes: Outcomes, monitor: Monitor) -> None:
    """Handle each job in its own task, so that a slow one does not delay the others."""
    async with anyio.create_task_group() as handlers:
        async for event in monitor:
            match event:
                case Finished() | Abandoned():
                    handlers.start_soon(act, outcomes, monitor, event)
                case StartInterrupted(benchmark_id=benchmark_id, note=note, candidates=candidates):
                    logger.error("a start of %s for %s was interrupted: %s?", benchmark_id, note, candidates)
                case _:
                    logger.info("%s", event)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one client and one monitor for as long as the service runs; on SIGTERM, uvicorn leaves this in order."""
    folder = Path(os.environ.get("RUNS", "runs"))
    app.state.outcomes = Outcomes(folder)
    async with Client() as client:
        instrument(client, meter_provider=meters)  # before the monitor is made
        async with (
            client.monitor(keep_open=True, journal=folder / "journal", ack="manual", stall_after=1800) as monitor,
            anyio.create_task_group() as tasks,
        ):
            app.state.monitor, app.state.known = monitor, set(monitor.jobs)  # those that an earlier process left
            tasks.start_soon(follow, app.state.outcomes, monitor)
            yield
            await monitor.aclose()  # the jobs continue, and the next start finds them in the journal


app = FastAPI(lifespan=lifespan)


class Asked(BaseModel):
    """Who asks for a run, and why."""

    requested_by: str
    reason: str = ""


@app.post("/benchmarks/{benchmark_id}/runs", status_code=202)
async def start_run(benchmark_id: str, asked: Asked, request: Request) -> dict[str, str]:
    """Start a job, once, and have it watched; the journal knows who asked for it before the platform does."""
    note = {**asked.model_dump(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    job = await request.app.state.monitor.start(benchmark_id, note=note)
    request.app.state.known.add(job.id)
    return {"job": job.id}


@app.get("/runs")
async def list_runs(request: Request) -> dict[str, dict[str, Any]]:
    """Tell what is running."""
    return {
        job_id: {
            "status": state.status,
            "percentage": None if state.progress is None else state.progress.completed_percentage,
            "quiet_seconds": state.quiet,
            "request": state.note,
        }
        for job_id, state in request.app.state.monitor.jobs.items()
    }


@app.get("/runs/{job_id}")
async def get_run(job_id: str, request: Request) -> dict[str, Any]:
    """Tell what became of a run, or how it stands."""
    outcome = await anyio.to_thread.run_sync(request.app.state.outcomes.read, job_id)
    if outcome is not None:
        return outcome
    running = await list_runs(request)
    if job_id in running:
        return running[job_id]
    if job_id in request.app.state.known:
        return {"status": "ending", "quiet_seconds": 0.0}  # what became of it is being written
    raise HTTPException(404, f"no run {job_id}")


@app.get("/metrics", response_class=PlainTextResponse)
async def metrics() -> str:
    """Show Prometheus what the client and its monitor do; `docs/howto/telemetry.md` has queries for a dashboard."""
    return generate_latest().decode()


@app.exception_handler(AiobenchError)
async def platform_failed(_: Request, error: AiobenchError) -> JSONResponse:
    """Say what the platform said; the key and result URLs are never in it."""
    return JSONResponse({"error": str(error)}, 404 if isinstance(error, NotFoundError) else 502)
