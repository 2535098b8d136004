"""The fake platform behind a client's `transport=`: no sockets."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from aiobench.testing._clock import VirtualClock
from aiobench.testing._routes import Incoming
from aiobench.testing.replies import Reply

__all__ = ["FakeTransport"]

RESULTS_ORIGIN = "https://results.test"


class FakeTransport(httpx.AsyncBaseTransport):
    """Passes requests to a fake platform in this process."""

    def __init__(self, respond: Callable[[Incoming], Reply], clock: VirtualClock) -> None:
        self._respond = respond
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, by the platform's clock."""
        body = await request.aread()
        target = request.url.raw_path.decode("ascii")
        reply = self._respond(Incoming(request.method, target, _plain(request.headers), body, RESULTS_ORIGIN))
        if reply.after > 0:
            with self._clock.idle():
                await self._clock.sleep(reply.after)
        if reply.is_lost:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(reply.status, headers=list(reply.headers), content=reply.body)


def _plain(headers: httpx.Headers) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}
