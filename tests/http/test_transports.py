"""How connections are made: through which proxy, with which settings."""

from __future__ import annotations

import ssl
import sys
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import httpx
import pytest

from aiobench import Client, ConfigurationError
from aiobench._http.one_connection import OneConnectionTransport, ProxiedTransport
from aiobench._http.result_urls import ResultURLRules
from aiobench._http.transports import TransportMaker
from job_documents import job_document

if TYPE_CHECKING:
    from loopback import LoopbackServer

BACKEND = "http://backend.example"
ROUTE = f"GET {BACKEND}/sdk/benchmarks/jobs/J"  # what a proxy is asked for
RULES = ResultURLRules(loopback_allowed=False, allowed_hosts=())


def maker(tls: ssl.SSLContext | None = None, **settings: Any) -> TransportMaker:
    """Make what makes transports."""
    given: dict[str, Any] = {"option": "httpx", "rules": None, "proxy": None, "trust_env": True} | settings
    return TransportMaker(ssl_context=tls, **given)


@pytest.mark.anyio
async def test_proxy_of_the_argument(server: LoopbackServer) -> None:
    """`proxy=` takes every request to the platform."""
    server.route(ROUTE, job_document(status="running"))
    async with Client("key", base_url=BACKEND, allow_plain_http=True, proxy=server.url) as client:
        assert "running" == (await client.get_job("J")).status
    assert [ROUTE] == server.asked


@pytest.mark.anyio
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The environment's proxies are honoured, with and without a scheme."""
    monkeypatch.setenv(variable, server.url.removeprefix("http://"))
    server.route(ROUTE, job_document(status="running"))
    async with Client("key", base_url=BACKEND, allow_plain_http=True) as client:
        assert "running" == (await client.get_job("J")).status


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://x.example", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.example"}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example"}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://x.example", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other"}, "https://x.example", "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "https://x.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://x.example", "http://p:1"),
    ],
)
def test_which_proxy(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], url: str, expected: str | None) -> None:
    """HTTPS_PROXY is for https, NO_PROXY names what goes without, ALL_PROXY is for the rest."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert expected == maker()._proxy_for(httpx.URL(url))
    assert maker(trust_env=False)._proxy_for(httpx.URL(url)) is None
    assert "http://mine:2" == maker(proxy="http://mine:2")._proxy_for(httpx.URL(url))


@pytest.mark.anyio
async def test_results_are_dialled_by_rules_unless_a_proxy_dials(tls: ssl.SSLContext) -> None:
    """Transports for results check addresses; behind a proxy, which does its own dialling, they are plain."""
    guarded = await maker(tls, rules=RULES).make(httpx.URL("https://x.example"))
    proxied = await maker(tls, rules=RULES, proxy="http://p:1").make(httpx.URL("https://x.example"))

    assert isinstance(guarded, OneConnectionTransport)
    assert RULES is guarded._pool._backend._rules  # type: ignore[attr-defined]
    assert isinstance(proxied, ProxiedTransport)


@pytest.mark.anyio
async def test_one_tls_context_for_all_connections(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's context is used where there is one; else one is made, once, and only when https is spoken."""
    made: list[object] = []
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: made.append(_) or tls)

    await maker(tls).make(httpx.URL("https://x.example"))
    plain = maker(trust_env=False)
    await plain.make(httpx.URL("http://x.example"))
    assert [] == made
    for _ in range(3):
        await plain.make(httpx.URL("https://x.example"))
    assert [{"trust_env": False}] == made


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("option", "why"), [("httpx", r"socksio: pip install 'httpx\[socks\]'"), ("aiohttp", "transport='httpx' can")]
)
async def test_socks_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, option: Any, why: str) -> None:
    """A SOCKS proxy without its package, or with aiohttp, which would send it HTTP and the key, is refused in time."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConfigurationError, match=why):
        Client("key", proxy="socks5://127.0.0.1:9", transport=option)

    monkeypatch.setenv("HTTPS_PROXY", "socks5h://127.0.0.1:9")
    async with Client("key", transport=option) as client:
        with pytest.raises(ConfigurationError, match=why):
            await client.get_job("J")


@pytest.mark.anyio
async def test_socks_proxy(server: LoopbackServer) -> None:
    """With its package, a SOCKS proxy is asked for the host by name, and takes every request (RFC 1928)."""
    server.route("GET /sdk/benchmarks/jobs/J", job_document(status="running"))
    asked: list[bytes] = []

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"\x05\x00")
            asked.append(await stream.receive())
            async with await anyio.connect_tcp("127.0.0.1", int(server.url.rpartition(":")[2])) as behind:
                await stream.send(b"\x05\x00\x00\x01" + bytes(6))
                await behind.send(await stream.receive())
                async for piece in behind:
                    await stream.send(piece)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        proxy = f"socks5://127.0.0.1:{port}"
        async with Client("key", base_url=BACKEND, allow_plain_http=True, proxy=proxy) as client:
            assert "running" == (await client.get_job("J")).status
        tasks.cancel_scope.cancel()
    assert [b"\x05\x01\x00\x03\x0fbackend.example\x00\x50"] == asked


def test_repr_shows_no_password() -> None:
    """A proxy's password is not shown (F18)."""
    assert "s3cret" not in repr(maker(proxy="http://me:s3cret@p:1"))
