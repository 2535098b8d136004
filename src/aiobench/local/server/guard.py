"""Runs before every route: decides who may talk to the backend (F30) and marks replies."""

from __future__ import annotations

import hmac
import json
import logging
import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RESULTS_PREFIX", "Guard"]

RESULTS_PREFIX = "/results/"  # open to any holder of a signed address; all but these and the empty page need the key

_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)

_log = logging.getLogger("aiobench.local")


class Guard:
    """Passes a request to the application or refuses it.

    A page of another site can reach a port of this machine, by its own name (DNS rebinding) or by ours. So a
    foreign `Host` and a foreign `Origin` are refused, no CORS header is ever sent, and nothing but signed results
    and the page, which is empty until it has the key, is served without it.

    Args:
        app: What is guarded.
        api_key: The key.
        origin: The server's own origin, such as `http://127.0.0.1:8000`.
    """

    def __init__(self, app: ASGIApp, *, api_key: str, origin: str) -> None:
        self.app = app
        self._authorization = f"Token {api_key}".encode("latin-1", "replace")
        self._origins = {origin, origin.replace("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection's scope (ASGI 3)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        refusal = self._refusal(scope["path"], dict(scope["headers"]))
        if refusal is not None:
            await _answer(marked, *refusal)
            return
        try:
            await self.app(scope, receive, marked)
        except Exception:  # noqa: BLE001 - the app has answered with 500; this is where the cause is kept
            _log.exception("request %s: %s %s failed", request_id, scope["method"], scope["path"])

    def _refusal(self, path: str, headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if not _HOST.fullmatch(host):
            return 421, "This backend answers only to 127.0.0.1 and localhost"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") not in self._origins:
            return 403, "Pages of other sites may not use this backend"
        if path == "/" or path.startswith(RESULTS_PREFIX):
            return None
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._authorization):
            return 401, "Missing or wrong API key; send the header Authorization: Token <key>"
        return None


async def _answer(send: Send, status: int, message: str) -> None:
    body = json.dumps({"statusCode": status, "message": message}).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Token"))
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
