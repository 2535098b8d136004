"""Servers that fall silent in the middle: F07."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from aiobench import APITimeoutError, Client
from faults.everywhere import EVERYWHERE
from faults.secrets import raises
from faults.server import FaultServer, raw, reply

pytestmark = pytest.mark.anyio


@EVERYWHERE
@pytest.mark.parametrize("sent", [b"", reply(200, b"a,", length=4)], ids=["at once", "within the file"])
async def test_results_that_fall_silent(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, sent: bytes
) -> None:
    """F07: a server of the results from which nothing comes any more is given up after the timeout."""
    server.add_results("j", b"a,b\n")
    server.script("GET /results", always=raw(sent, then="hold"))
    client = new_client(timeout=0.3, max_retries=1)
    with anyio.fail_after(5), raises(APITimeoutError):
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")
    assert len(server.sent_to("GET /results")) == 2
    assert list(tmp_path.iterdir()) == []
