"""How often other tasks have their turn while something goes on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from attrs import define

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Turns", "counted_turns"]


@define
class Turns:
    """The count so far."""

    count: int = 0


@asynccontextmanager
async def counted_turns() -> AsyncIterator[Turns]:
    """Count the turns of another task until the block is left."""
    turns = Turns()

    async def count() -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            turns.count += 1

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        yield turns
        group.cancel_scope.cancel()
