"""Storms: every kind of fault in a share of the requests, for the tests of the sweep and for the soak."""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence

from faults.server import Answer, Exchange, answer, close, raw, reply, reset

__all__ = ["FAULTS", "FILE_FAULTS", "storm"]

DOCUMENT = reply(200, b'{"jobId": "j", "status": "completed", "note": "' + b"x" * 3000 + b'"}')
FAULTS: dict[str, Answer] = {
    "closed": close,
    "reset": reset,
    "cut": raw(DOCUMENT[:700]),
    "cut and reset": raw(DOCUMENT[:700], then="reset"),
    "too long": answer(200, b"{}", length=1),
    "error": answer(500),
    "unavailable": answer(503, b"<html>"),
    "timeout": answer(408),
    "slow down": answer(429, Retry_After="0.01"),
    "hostile": answer(429, Retry_After="-5"),
    "html": answer(200, b"<html>"),
    "NaN": answer(200, b'{"status": NaN}'),
    "deep": answer(200, b"[" * 50_000),
    "truncated gzip": answer(200, b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xab", Content_Encoding="gzip"),
}


async def cut(exchange: Exchange) -> None:
    """Send a file, or the rest of it that is asked for, as far as a random byte."""
    data = exchange.server.files[exchange.request.path]
    start = int(exchange.request.headers.get("range", "bytes=0-")[6:-1])
    size = exchange.random.randrange(len(data) - start)
    span = {"Content_Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
    head = reply(206 if start else 200, data[start : start + size], length=len(data) - start, ETag='"v1"', **span)
    await raw(head)(exchange)


FILE_FAULTS: dict[str, Answer] = {
    **{each: FAULTS[each] for each in ("closed", "reset", "error", "unavailable", "timeout", "slow down", "hostile")},
    **{f"file cut {each}": cut for each in range(7)},
}
"""What may happen to a file; a whole reply that says something else cannot be distinguished from one."""


def storm(share: float, faults: Mapping[str, Answer], injected: MutableSequence[str]) -> Answer:
    """Misbehave in *share* of the requests; which one and how depends on seed, path and request number alone."""

    async def say(exchange: Exchange) -> None:
        chance = exchange.random
        if chance.random() >= share:
            await exchange.server.behave(exchange)
            return
        kind = chance.choice(list(faults))
        injected.append(kind)
        await faults[kind](exchange)

    return say
