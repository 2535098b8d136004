"""A web service that starts benchmark jobs and acts when they end; killed and restarted, it misses none.

pip install 'aiobench[local]'        # for Starlette and uvicorn
export TEAM_API_KEY=…                # BACKEND_URL=… too, for another platform, such as `aiobench serve`
uvicorn --app-dir examples service:app

curl -X POST localhost:8000/benchmarks/BENCHMARK_ID/runs      # starts a job
curl localhost:8000/runs                                      # what has become of the jobs
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from aiobench import Abandoned, AiobenchError, Client, Finished, Monitor, NotFoundError

logger = logging.getLogger("service")


async def act(app: Starlette, monitor: Monitor, event: Finished | Abandoned) -> None:
    """Do what is to be done when a job has ended, and acknowledge the end when that is done.

    Until it is acknowledged, the end comes again after a restart: so this must bear being done twice.
    """
    match event:
        case Finished(job=job, snapshot=snapshot):
            app.state.runs[job.id] = {
                "status": job.status,
                "failure_rates": snapshot.failure_rates(),
            }
        case Abandoned(job=job, error=error):
            app.state.runs[job.id] = {"status": "abandoned", "error": str(error)}
    logger.info("job %s has ended: %s", event.job.id, app.state.runs[event.job.id])
    await monitor.ack(event)


async def follow(app: Starlette, monitor: Monitor) -> None:
    """Hand each end to a task of its own, so that a slow one does not hold up the others."""
    async with anyio.create_task_group() as handlers:
        async for event in monitor:
            match event:
                case Finished() | Abandoned():
                    handlers.start_soon(act, app, monitor, event)
                case _:
                    logger.info("%s", event)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep one client and one monitor for as long as the service runs."""
    app.state.runs = {}
    journal = os.environ.get("JOURNAL", "jobs.journal")
    async with (
        Client() as client,
        client.monitor(keep_open=True, journal=journal, ack="manual") as monitor,
        anyio.create_task_group() as tasks,
    ):
        app.state.client, app.state.monitor = client, monitor
        tasks.start_soon(follow, app, monitor)
        yield
        await monitor.aclose()  # the jobs go on; the next start takes them up from the journal


async def start_run(request: Request) -> JSONResponse:
    """Start a job and have it watched."""
    try:
        job = await request.app.state.client.start_job(request.path_params["benchmark_id"])
    except NotFoundError as error:
        return JSONResponse({"error": str(error)}, 404)
    except AiobenchError as error:
        return JSONResponse({"error": str(error)}, 502)
    request.app.state.monitor.add(job)
    request.app.state.runs[job.id] = {"status": job.status}
    return JSONResponse({"job": job.id}, 202)


async def list_runs(request: Request) -> JSONResponse:
    """Tell what has become of the jobs."""
    return JSONResponse(request.app.state.runs)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/benchmarks/{benchmark_id}/runs", start_run, methods=["POST"]),
        Route("/runs", list_runs),
    ],
)
