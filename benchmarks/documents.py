"""Large documents, as they should be and contrived: CPU of decoding one in a worker thread, and how late a loop is.

Each is at the edge of what a client takes: 8 MiB, or 64 MiB of memory.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.contender import Contender, Meter
from benchmarks.held import Heartbeat
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, pin
from benchmarks.rounds import Bench, Entry
from benchmarks.scene import Scene

CAP = 8 * 2**20
ITEMS = {
    "a list of jobs": Scene().entry_of(0, "in_progress") + b",",
    "empty lists": b"[],",
    "empty objects": b"{},",
    "numbers": b"1.5,",
    "texts": b'"a",',
}
DECODERS = {"aiobench": "Ours", "msgspec at once": "Msgspec", "json of the standard library": "Standard"}


def run(bench: Bench) -> None:
    """Compare the contenders."""
    for shape in ITEMS:
        entries = [Entry(name, f"benchmarks.documents:{kind}", {"shape": shape}) for name, kind in DECODERS.items()]
        bench.compare("documents", shape, "MiB", entries)


def document(shape: str) -> bytes:
    """Write a document that is just within the caps of a client."""
    from aiobench._wire.sizes import decoded_size

    item = ITEMS[shape]
    count = min(CAP // len(item), 8 * CAP // decoded_size(item)) - 1
    items = b"[" + item * count + item[:-1] + b"]"
    return items if shape == "a list of jobs" else b'{"jobId":"j","status":"queued","iterations":' + items + b"}"


class _Decoder(Contender):
    def __init__(self, shape: str) -> None:
        self._body = document(shape)

    async def start(self) -> None:
        pin(CLIENT_CORE, SERVER_CORE)  # a thread decodes while the loop runs, and no server is needed

    def decoder(self) -> Callable[[bytes], object]:
        raise NotImplementedError

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        decode, body = self.decoder(), self._body

        def decode_and_forget() -> None:
            decode(body)

        done, end = 0, time.monotonic() + seconds
        with meter:
            while done == 0 or time.monotonic() < end:
                await asyncio.to_thread(decode_and_forget)
                done += 1
        async with Heartbeat() as heartbeat:
            await asyncio.to_thread(decode_and_forget)
        gc.disable()  # it looks at every container of the process, whoever made them
        try:
            async with Heartbeat() as uncollected:
                await asyncio.to_thread(decode_and_forget)
        finally:
            gc.enable()
        return {
            "units": done * len(body) / 2**20,
            "late_ms": heartbeat.latest,
            "late_by_own_cpu_ms": heartbeat.own,
            "late_without_collector_ms": uncollected.own,
        }


class Ours(_Decoder):
    """What a poll decodes."""

    def decoder(self) -> Callable[[bytes], object]:
        """Choose the decoder of the document's kind."""
        from aiobench._wire.heads import job_head, job_list

        return job_list if self._body.startswith(b"[") else job_head


class Msgspec(_Decoder):
    """`msgspec`, which builds all of it."""

    def decoder(self) -> Callable[[bytes], object]:
        """Return its function."""
        import msgspec

        return msgspec.json.decode


class Standard(_Decoder):
    """`json`, which builds all of it."""

    def decoder(self) -> Callable[[bytes], object]:
        """Return its function."""
        return json.loads
