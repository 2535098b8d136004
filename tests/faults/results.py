"""Downloads of results: asking for one, cutting it off, and looking at what there is in the end."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiobench import Client
from faults.server import Answer, Exchange, raw, reply

__all__ = ["FILE", "download", "only", "part"]

FILE = "GET /results"


def only(target: Path, data: bytes | None) -> None:
    """Check that the file is whole, or not there, and that nothing lies beside it."""
    assert [path.name for path in target.parent.iterdir()] == ([] if data is None else [target.name])
    if data is not None:
        assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(data).digest()


async def download(client: Client, target: Path, **options: object) -> Path:
    """Download the results of job `j`."""
    path = await client.job("j").download_results_as_csv(target, **options)  # type: ignore[arg-type]
    assert isinstance(path, Path)
    return path


def part(size: int, *, how: str = "close") -> Answer:
    """Send the honest reply's first *size* bytes of body, then break off."""

    async def say(exchange: Exchange) -> None:
        data = exchange.server.files[exchange.request.path]
        start = int(exchange.request.headers.get("range", "bytes=0-")[6:-1])
        etag = exchange.server.etags[exchange.request.path]
        status, extra = (206, {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}) if start else (200, {})
        await exchange.send(reply(status, data[start : start + size], length=len(data) - start, ETag=etag, **extra))
        await (raw(b"", then=how)(exchange) if how == "reset" else exchange.close())

    return say
