"""F30: the local backend addressed by a web page of another site, or by anyone without the key."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Platform


def port_of(demo: Platform) -> int:
    """Find the port a backend listens on."""
    port = urlsplit(demo.backend.base_url).port
    assert port is not None
    return port


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "[::1]:{port}", "0.0.0.0:{port}", ""],
)
def test_f30_foreign_host_is_refused(demo: Platform, host: str) -> None:
    """A name that was made to point here (DNS rebinding) gets 421 and nothing else, even with the key."""
    reply = demo.http.get("/sdk/metrics", headers={"Host": host.format(port=port_of(demo))})
    assert (reply.status_code, reply.json()["statusCode"]) == (421, 421)


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "localhost"])
def test_f30_own_host_is_served(demo: Platform, host: str) -> None:
    """The names of this machine's loopback are served."""
    reply = demo.http.get("/sdk/metrics", headers={"Host": host.format(port=port_of(demo))})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1:{port}.evil.example"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_f30_foreign_origin_gets_nothing(demo: Platform, origin: str, method: str) -> None:
    """A page of another origin is refused, preflight included, and is given no CORS header."""
    headers = {"Origin": origin.format(port=port_of(demo)), "Access-Control-Request-Method": "GET"}
    reply = demo.http.request(method, "/sdk/metrics", headers=headers)
    assert reply.status_code == 403
    assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_f30_no_cors_header_on_any_answer(demo: Platform) -> None:
    """Not even the own origin is answered with a CORS header."""
    reply = demo.http.get("/sdk/metrics", headers={"Origin": demo.backend.base_url})
    assert reply.status_code == 200
    assert not [name for name in reply.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("authorization", [None, "", "Token", "Token wrong", "Bearer {key}", "{key}", "tökén"])
@pytest.mark.parametrize("path", ["/sdk/metrics", "/sdk/benchmarks/jobs/x", "/nope", "/results/../sdk/metrics"])
def test_f30_without_the_key_nothing_is_served(demo: Platform, authorization: str | None, path: str) -> None:
    """A missing or wrong key is a 401 before anything else, also where there is nothing."""
    text = None if authorization is None else authorization.format(key=demo.backend.api_key[:-1])
    headers = {} if text is None else {b"Authorization": text.encode()}
    reply = httpx.get(demo.backend.base_url + path, headers=headers)
    assert (reply.status_code, reply.json()["statusCode"]) == (401, 401)
    assert reply.headers["www-authenticate"] == "Token"


def test_f30_unsigned_results_are_refused(demo: Platform) -> None:
    """Results are not served without a signature, with or without the key."""
    assert demo.http.get("/results/x.csv").status_code == 403
    assert httpx.get(f"{demo.backend.base_url}/results/x.csv").status_code == 403


def test_f30_only_loopback_listens(demo: Platform) -> None:
    """The port is bound on 127.0.0.1 alone: another loopback address finds nobody."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port_of(demo)), timeout=5).close()
