"""The event loops and transports that a promise holds on."""

from __future__ import annotations

import pytest

__all__ = ["EVERYWHERE"]

EVERYWHERE = pytest.mark.parametrize(
    ("anyio_backend", "transport"), [("asyncio", "httpx"), ("trio", "httpx"), ("asyncio", "aiohttp")]
)
