"""Count the modules that a poll and a watched job pass through, against a server on loopback.

Usage: python tools/walks.py [--names]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import FrameType

import aiobench
from aiobench import Client, PollPolicy

SOURCE = Path(aiobench.__file__).parent
DOCUMENT = b'{"id": "J1", "status": "completed", "benchmark": {"id": "B1"}, "iterations": []}'


class Handler(BaseHTTPRequestHandler):
    """Answers every request with a finished job."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(DOCUMENT)))
        self.end_headers()
        self.wfile.write(DOCUMENT)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def traced(what: str) -> Iterator[None]:
    """Print how many modules of aiobench ran a function in this block; importing one does not count."""
    seen = set[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and frame.f_code.co_name != "<module>" and path.is_relative_to(SOURCE):
            seen.add(str(path.relative_to(SOURCE)))

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)
    print(f"{what}: {len(seen)} modules")
    if "--names" in sys.argv:
        print(*(f"  {name}" for name in sorted(seen)), sep="\n")


async def walk(url: str) -> None:
    """Poll a job, then watch it with a journal."""
    async with Client("key", base_url=url, max_retries=0) as client:
        job = client.job("J1")
        with traced("check_status()"):
            await job.check_status()
        with tempfile.TemporaryDirectory() as folder, traced("monitor() to Finished"):
            policy = PollPolicy(interval=0.05)
            async with client.monitor(["J1"], poll=policy, journal=Path(folder, "jobs.journal")) as monitor:
                async for _ in monitor:
                    pass


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            asyncio.run(walk(f"http://127.0.0.1:{server.server_port}"))
        finally:
            server.shutdown()
            thread.join()
