"""Replies that are the one before are not read again, and nobody can tell from what a monitor says."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import anyio
import attrs
import httpx
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from aiobench import Client, JobsWaitTimeoutError, PollPolicy
from aiobench._watch import unchanged

UNTIL = 120.0
SAID = [*["queued", "running", "odd_status", "completed"] * 2, None, 7]  # None: the list lacks the job

steps = st.lists(
    st.tuples(
        st.integers(0, 100),  # from this second on
        st.sampled_from(SAID),  # in the list
        st.sampled_from(["queued", "running", "odd_status"]),  # in the document
        st.sampled_from([None, 10, 20]),  # with this progress
    ),
    min_size=1,
    max_size=5,
)
histories = st.lists(steps, min_size=1, max_size=5)


def reply(request: httpx.Request, data: bytes, *, with_etags: bool) -> httpx.Response:
    """Send a document, or 304 if the client has it."""
    etag = f'W/"{hashlib.sha1(data).hexdigest()}"'
    if request.headers.get("If-None-Match") == etag:
        return httpx.Response(304, stream=httpx.ByteStream(b""), headers={"ETag": etag})
    return httpx.Response(200, stream=httpx.ByteStream(data), headers={"ETag": etag} if with_etags else {})


class Middle(random.Random):
    """Draws the middle of what it could draw."""

    def random(self) -> float:
        return 0.5


def reported(
    history: list[Any], known: int, failing: list[int], *, with_etags: bool = False
) -> tuple[list[Any], object]:
    """Watch jobs with a history for two minutes; return all that a monitor reported, with the time, and its figures."""
    seen: list[Any] = []

    def state(number: int) -> tuple[Any, Any, Any]:
        found = ("queued", "queued", None)
        for since, *step in sorted(history[number], key=lambda each: each[0]):
            if since <= trio.current_time():
                found = tuple(step)
        return ("completed", "completed", 100) if trio.current_time() > 110 and number else found

    async def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        # no two replies at once: which of them is taken first would be left to the event loop
        await trio.sleep(0.01 if name == "jobs" else 0.001 * (1 + int(name[1:])))
        if int(trio.current_time()) in failing:
            return httpx.Response(503, stream=httpx.ByteStream(b""))
        if name == "jobs":
            found = [(f"j{number}", state(number)[0]) for number in range(len(history))]
            body: Any = [{"jobId": job_id, "status": status} for job_id, status in found if status is not None]
        else:
            _, status, done = state(int(name[1:]))
            body = {"status": status, "benchmark": {"id": "b"}, "progress": {"completedPercentage": done}}
        return reply(request, json.dumps(body).encode(), with_etags=with_etags)

    async def main() -> object:
        make: Callable[[], httpx.AsyncBaseTransport] = lambda: httpx.MockTransport(answer)  # noqa: E731
        policy = PollPolicy(interval=1.0, backoff=1.7, max_interval=9.0)
        async with Client("key", base_url="http://127.0.0.1:1", transport=make, poll=policy, trust_env=False) as client:
            session = client._context.platform.session
            session.now = trio.current_time
            session.random = Middle()  # whatever order the event loop asks in
            jobs = [client.job(f"j{number}", "b" if number < known else "") for number in range(len(history))]
            async with client.monitor(jobs, timeout=UNTIL, stall_after=25.0) as monitor:
                try:
                    async for event in monitor:
                        values = attrs.asdict(event, recurse=False)
                        values.pop("snapshot", None)
                        seen.append((trio.current_time(), type(event).__name__, str(values)))
                except JobsWaitTimeoutError as late:
                    seen.append((sorted(late.finished), sorted(late.pending)))
                return monitor.stats

    clock = trio.testing.MockClock(autojump_threshold=0)
    return seen, anyio.run(main, backend="trio", backend_options={"clock": clock})


@settings(max_examples=100, deadline=None)
@given(histories, st.integers(0, 5), st.lists(st.integers(0, 100), max_size=3))
def test_nothing_is_told_otherwise(history: list[Any], known: int, failing: list[int]) -> None:
    """With ETags, without, and reading every reply, a monitor tells the same at the same times, and counts the same."""
    expected = said(history, known, failing, with_etags=False)
    assert said(history, known, failing, with_etags=True) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unchanged, "hash", lambda _: object(), raising=False)  # never the one before
        assert said(history, known, failing, with_etags=False) == expected


def said(*arguments: Any, with_etags: bool) -> tuple[Any, ...]:
    """Return what a monitor reported, its figures, and what it logged."""
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("aiobench.watch")
    logger.addHandler(handler)
    try:
        return *reported(*arguments, with_etags=with_etags), records
    finally:
        logger.removeHandler(handler)
