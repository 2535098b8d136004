"""The page at `/` and the routes it uses. Its data require the key, like everything else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from aiobench._display import counted
from aiobench.errors import AiobenchError
from aiobench.local.finished import boards_of, can_report, write_report
from aiobench.local.server.guard import RESULTS_PREFIX

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from aiobench.local.engine.records import Job
    from aiobench.local.engine.results import Signer
    from aiobench.local.engine.runner import Runner
    from aiobench.local.engine.store import Store
    from aiobench.local.workspace import Workspace

__all__ = ["Page"]

LOOK = 0.25  # seconds between two looks at what has changed
BEAT = 15.0  # seconds after which something is sent, so that a dead connection is noticed
LATEST = 200  # jobs that the page begins with

# A report shows itself and nothing else: no script, no form, no other address.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Page:
    """The page's routes.

    Args:
        workspace: Whose jobs it shows.
        runner: What cancels them.
        signer: Of the addresses of files.
        store: Returns the store of the server's thread.
        stopping: Set when the server stops, and streams are to end.
    """

    def __init__(
        self,
        workspace: Workspace,
        runner: Runner,
        signer: Signer,
        store: Callable[[], Store],
        stopping: threading.Event,
    ) -> None:
        self._workspace, self._runner, self._signer = workspace, runner, signer
        self._store, self._stopping = store, stopping
        self._boards: dict[str, list[dict[str, Any]]] = {}

    def routes(self) -> list[Route]:
        """Return the routes to add to the application."""
        return [
            Route("/", self.page),
            Route("/page/events", self.events),
            Route("/page/jobs/{id}", self.job),
            Route("/page/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route(RESULTS_PREFIX + "{id}.html", self.report),
        ]

    async def page(self, _request: Request) -> Response:
        """Reply with the page, which holds no data."""
        content, policy = _page()
        return Response(
            content, media_type="text/html; charset=utf-8", headers={**PRIVATE, "content-security-policy": policy}
        )

    async def events(self, _request: Request) -> Response:
        """Stream jobs as they change, as server-sent events."""
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def _changes(self) -> AsyncIterator[bytes]:
        sent: dict[str, dict[str, Any]] = {}
        since, quiet = 0.0, BEAT
        while not self._stopping.is_set():
            jobs = self._store().overview(since, LATEST if not sent else None)
            changed = [job for job in jobs if sent.get(job["id"]) != job]
            if changed or quiet >= BEAT:
                quiet = 0.0
                since = max((job["updated"] for job in jobs), default=since)
                sent |= {job["id"]: job for job in changed}
                yield b"data: " + msgspec.json.encode(changed) + b"\n\n"
            quiet += LOOK
            await anyio.sleep(LOOK)

    async def job(self, request: Request) -> Response:
        """Reply with what the page shows about one job."""
        job = self._job(request)
        about, boards, links = _about(job), [], []
        if job.status == "completed":
            links = [{"name": "Results (CSV)", "url": self._signer.sign(f"{RESULTS_PREFIX}{job.id}.csv")}]
            if can_report():
                links.append({"name": "Report", "url": self._signer.sign(f"{RESULTS_PREFIX}{job.id}.html")})
            try:
                boards = await self._boards_of(job)
            except (AiobenchError, OSError) as error:
                about += f". There is no leaderboard: {error}"
        return JSONResponse(
            {"name": job.benchmark.name, "status": job.status, "about": about, "files": links, "boards": boards}
        )

    async def _boards_of(self, job: Job) -> list[dict[str, Any]]:
        if job.id not in self._boards:
            results = self._workspace.results(job.id)
            self._boards[job.id] = await anyio.to_thread.run_sync(boards_of, job, results)
        return self._boards[job.id]

    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        job = self._job(request)
        if not self._runner.cancel(self._store(), job.id):
            raise HTTPException(409, f"it has ended already, as {job.status}")
        return JSONResponse({"status": "canceling"}, status_code=202)

    async def report(self, request: Request) -> Response:
        """Reply with a job's report, which is written when first requested."""
        refusal = self._signer.refusal(request.url.path, request.query_params)
        if refusal is not None:
            return JSONResponse({"statusCode": 403, "message": refusal[1]}, status_code=403)
        job = self._job(request)
        results = self._workspace.results(job.id)
        path = results.with_suffix(".html")
        if job.status != "completed" or not results.is_file():
            raise HTTPException(404, "Results not found")
        if not path.is_file():
            try:
                await anyio.to_thread.run_sync(write_report, job, results, path)
            except AiobenchError as error:
                raise HTTPException(409, f"job {job.id} has no report: {error}") from error
        return FileResponse(path, media_type="text/html", headers={**PRIVATE, "content-security-policy": REPORT_POLICY})

    def _job(self, request: Request) -> Job:
        job = self._store().job(request.path_params["id"])
        if job is None:
            raise HTTPException(404, "Benchmark job not found")
        return job


def _about(job: Job) -> str:
    return f"{counted(len(job.iterations), 'model')} on {counted(job.segments, 'segment')}"


@cache
def _page() -> tuple[bytes, str]:
    """Return the page and its content security policy, which allows only its own script and style, by hash."""
    content = files("aiobench.local.server").joinpath("page.html").read_bytes()
    script, style = (
        base64.b64encode(hashlib.sha256(_inside(tag, content)).digest()).decode() for tag in (b"script", b"style")
    )
    policy = (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return content, policy


def _inside(tag: bytes, content: bytes) -> bytes:
    (found,) = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), content, re.DOTALL)
    return bytes(found)
