"""The one retry rule: every row of `docs/reference/retries.md`, walked through by every operation (F09, F11, F14)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aiobench import (
    APIConnectionError,
    APIError,
    APIStatusError,
    Client,
    DownloadError,
    Finished,
    IntegrityError,
    InvalidResponseError,
    PollFailed,
    PollPolicy,
)
from faults.server import Answer, FaultServer, answer, close, raw, reply, reset

pytestmark = pytest.mark.anyio

JOB, FILE, START = "GET /sdk/benchmarks/jobs/j", "GET /results", "POST /sdk/benchmarks/b1/start"
QUICK = PollPolicy(interval=0.01, max_interval=0.01)
PAGE = b"<html>Be right back</html>"
UNREAD = (421, 423, 425, 429)  # the server did nothing yet

PASSING: dict[str, tuple[Answer, type[APIError]]] = {
    "closed": (close, APIConnectionError),
    "reset": (reset, APIConnectionError),
    "cut": (raw(reply(200, PAGE)[:-3]), APIConnectionError),
    **{
        str(code): (answer(code, PAGE), APIStatusError)
        for code in (408, 409, *UNREAD, 499, 500, 501, 502, 503, 504, 520)
    },
}
SENSELESS: dict[str, tuple[Answer, type[APIError]]] = {
    "HTML": (answer(200, PAGE), InvalidResponseError),
    "cut JSON": (answer(200, b'{"status": "comp'), InvalidResponseError),
    "another document": (answer(200, b"[1, 2]"), InvalidResponseError),
}
FINAL: dict[str, tuple[Answer, type[APIError]]] = {
    **{
        str(code): (answer(code, PAGE), APIStatusError)
        for code in (400, 401, 402, 403, 404, 405, 406, 410, 413, 418, 422)
    },
    **{
        str(code): (answer(code, b"", Location="https://login.example/"), InvalidResponseError)
        for code in (301, 302, 303, 307, 308)
    },
    "too large": (answer(200, b" " * 40_000), InvalidResponseError),
}
ROWS = PASSING | SENSELESS | FINAL


async def check_status(client: Client) -> object:
    """Ask once."""
    return await client.job("j").check_status()


async def fetch(client: Client) -> object:
    """Ask for the document."""
    return (await client.get_job("j")).status


async def wait(client: Client) -> object:
    """Ask until the job is done."""
    return (await client.job("j").wait(timeout=60, poll=QUICK)).status


async def watch(client: Client) -> object:
    """Ask until the job is done, and say so."""
    statuses = [snapshot.status async for snapshot in client.job("j").watch(timeout=60, poll=QUICK)]
    return statuses[-1]


async def monitor(client: Client) -> object:
    """Ask among many."""
    async with client.monitor(["j"], poll=QUICK, timeout=60) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.snapshot.status
            if not isinstance(event, PollFailed):
                raise event.error  # type: ignore[union-attr]  # `Abandoned`, which has one
    raise AssertionError("no end")


OPERATIONS = [check_status, fetch, wait, watch, monitor]


def prepared(server: FaultServer, new_client: Callable[..., Client], where: str, first: Answer) -> Client:
    """Let the first answer be one of the table's, and every other a good one."""
    server.add_job("j", "completed")
    server.script(where, first)
    return new_client(max_retries=2, max_document=30_000)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("row", ROWS)
async def test_every_operation_decides_alike(
    server: FaultServer,
    new_client: Callable[..., Client],
    row: str,
    operation: Callable[[Client], Awaitable[object]],
) -> None:
    """What passes is asked again and is no end; what does not is one request and its error."""
    first, expected = ROWS[row]
    client = prepared(server, new_client, JOB, first)
    if row in FINAL:
        with pytest.raises(expected):
            await operation(client)
        assert len(server.sent_to(JOB)) == 1
    else:
        assert await operation(client) == "completed"
        assert len(server.sent_to(JOB)) >= 2


@pytest.mark.parametrize("row", [row for row in PASSING | FINAL if not row.startswith("3")])  # redirects are followed
async def test_a_download_decides_alike(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, row: str
) -> None:
    """A download asks for the file as a call does for a document; a URL that may have expired is replaced, once."""
    first, _ = ROWS[row]
    client = prepared(server, new_client, FILE, first)
    server.add_results("j", b"a,b\n")
    download = client.job("j").download_results_as_csv(tmp_path / "r.csv", max_bytes=30_000)
    if row in {"400", "401", "403", "404", "410"} or row in PASSING:
        assert (await download).read_bytes() == b"a,b\n"
        assert len(server.sent_to(FILE)) == 2
    else:
        with pytest.raises(DownloadError) as caught:
            await download
        assert not isinstance(caught.value, IntegrityError)
        assert len(server.sent_to(FILE)) == 1


@pytest.mark.parametrize("row", ROWS)
async def test_a_start_is_sent_again_only_if_nothing_was_done(
    server: FaultServer, new_client: Callable[..., Client], row: str
) -> None:
    """A refusal that says that nothing was done is followed by another start, anything else never is."""
    first, expected = ROWS[row]
    client = prepared(server, new_client, START, first)
    error: Exception | None = None
    try:
        await client.start_job("b1")
    except Exception as failure:  # noqa: BLE001 - which one is the business of tests/faults/test_start.py
        error = failure
    is_sent_again = row in set(map(str, UNREAD))
    assert len(server.sent_to(START)) == (2 if is_sent_again else 1)
    assert (error is None) == is_sent_again
    if row.startswith("4") and not is_sent_again and row not in {"408", "499"}:
        assert isinstance(error, expected)
