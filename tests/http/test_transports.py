"""How connections are made: through which proxy, with which settings."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import httpx
import pytest
import respx

from aiobench import APIConnectionError, Client, ConfigurationError
from aiobench._http import environment
from aiobench._http.httpcore_transport import OneConnectionTransport
from aiobench._http.transports import TransportMaker
from job_documents import job_document

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import LoopbackServer

BACKEND = "http://backend.example"
ROUTE = f"GET {BACKEND}/sdk/benchmarks/jobs/J"  # what a proxy is asked for
JOB = "GET /sdk/benchmarks/jobs/J"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in environment.AUTHORITIES:
            monkeypatch.delenv(name)


def maker(tls: ssl.SSLContext | None = None, **settings: Any) -> TransportMaker:
    """Make what makes transports."""
    given: dict[str, Any] = {"option": "httpx"} | settings
    return TransportMaker(ssl_context=tls, **given)


@pytest.mark.anyio
async def test_proxy_of_the_argument(server: LoopbackServer) -> None:
    """`proxy=` takes every request to the platform."""
    server.route(ROUTE, job_document(status="running"))
    async with Client("key", base_url=BACKEND, allow_plain_http=True, proxy=server.url) as client:
        assert (await client.get_job("J")).status == "running"
    assert server.asked == [ROUTE]


@pytest.mark.anyio
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_proxy_of_the_environment(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """The environment's proxies are honoured, with and without a scheme."""
    monkeypatch.setenv(variable, server.url.removeprefix("http://"))
    server.route(ROUTE, job_document(status="running"))
    async with Client("key", base_url=BACKEND, allow_plain_http=True) as client:
        assert (await client.get_job("J")).status == "running"


@pytest.mark.anyio
async def test_loopback_goes_without_the_environments_proxies(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F31: a backend on this machine is asked directly, whatever the environment names."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    server.route(JOB, job_document(status="running"))
    async with Client("key", base_url=server.url) as client:
        assert (await client.get_job("J")).status == "running"


@pytest.mark.parametrize("transport", ["httpx", "aiohttp"])
@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "https://10.0.0.1:3128", "http://me:s3cret@p.example"])
def test_a_proxy_that_would_read_the_key_is_refused(proxy: str, transport: Any) -> None:
    """F31: an http URL goes through no proxy on another machine, unless that is allowed."""
    with pytest.raises(ConfigurationError, match="would read the key") as caught:
        Client("key", base_url="http://127.0.0.1:9", proxy=proxy, transport=transport)
    assert "s3cret" not in str(caught.value)

    Client("key", base_url="http://127.0.0.1:9", proxy=proxy, transport=transport, allow_plain_http=True)
    Client("key", base_url="https://x.example", proxy=proxy, transport=transport)
    Client("key", base_url="http://127.0.0.1:9", proxy="http://127.1:3128", transport=transport)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("anyio_backend", "transport"), [("asyncio", "httpx"), ("trio", "httpx"), ("asyncio", "aiohttp")]
)
async def test_a_proxy_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, transport: Any) -> None:
    """The error names the proxy and the variable, not the platform, and shows no password."""
    monkeypatch.setenv("https_proxy", "http://me:s3cret@127.0.0.1:9")
    async with Client("key", base_url="https://x.example", transport=transport, max_retries=0) as client:
        with pytest.raises(APIConnectionError) as caught:
            await client.get_job("J")
    assert "the proxy http://127.0.0.1:9 (https_proxy) cannot be reached: ".lower() in str(caught.value).lower()
    assert "refused" in str(caught.value).lower() or "Connect call failed" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.maybe_sent is False


@pytest.mark.anyio
async def test_one_tls_context_for_all_connections(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's context is used if there is one; otherwise one is made, once, and only when https is spoken."""
    made: list[object] = []
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: made.append(_) or tls)

    await maker(tls).make(httpx.URL("https://x.example"))
    plain = maker(trust_env=False)
    await plain.make(httpx.URL("http://x.example"))
    assert made == []
    for _ in range(3):
        await plain.make(httpx.URL("https://x.example"))
    assert made == [{"trust_env": False}]


@pytest.mark.parametrize("variable", environment.AUTHORITIES)
def test_authorities_of_the_environment(tmp_path: Path, variable: str) -> None:
    """The variables of httpx, requests and curl name the authorities; an unreadable file is named with its variable."""
    with pytest.raises(ConfigurationError, match=rf"none.pem', which {variable} names, cannot be read"):
        environment.default_context({variable: f"{tmp_path}/none.pem"}, trust_env=True)
    assert environment.default_context({variable: f"{tmp_path}/none.pem"}, trust_env=False).get_ca_certs()
    assert environment.default_context({variable: str(tmp_path)}, trust_env=True).get_ca_certs() == []


def test_authorities_in_a_file(tmp_path: Path) -> None:
    """A file of authorities replaces the default ones."""
    import trustme

    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    context = environment.default_context({"REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}, trust_env=True)
    assert len(context.get_ca_certs()) == 1


def test_a_key_log_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the log and its variable, not the certificates."""
    monkeypatch.setenv("SSLKEYLOGFILE", f"{tmp_path}/none/keys.log")
    with pytest.raises(ConfigurationError, match=r"keys\.log' that SSLKEYLOGFILE names cannot be written"):
        environment.default_context(os.environ, trust_env=True)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_aiohttp_needs_asyncio(server: LoopbackServer) -> None:
    """Aiohttp's transport on trio is an error at once, not an outage."""
    async with Client("key", base_url=server.url, transport="aiohttp") as client:
        with pytest.raises(ConfigurationError, match="runs on asyncio alone"):
            await client.job("J").wait(timeout=60)


@pytest.mark.anyio
async def test_a_factory_of_blocking_transports_is_refused() -> None:
    """A transport of the blocking world is named before anything is sent."""
    async with Client("key", transport=httpx.HTTPTransport) as client:  # type: ignore[arg-type]  # that is it
        with pytest.raises(ConfigurationError, match="transport= must make asynchronous httpx transports"):
            await client.get_job("J")


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
    server.route(JOB, job_document(status="running"))
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
            assert (await client.get_job("J")).status == "running"
        tasks.cancel_scope.cancel()
    assert asked == [b"\x05\x01\x00\x03\x0fbackend.example\x00\x50"]


@pytest.mark.anyio
async def test_a_connection_is_made_anew_when_it_is_closed(server: LoopbackServer) -> None:
    """A transport outlives its connection: what the server closed is replaced."""
    server.route(JOB, job_document(status="running"))
    transport = await maker().make(httpx.URL(server.url))
    assert isinstance(transport, OneConnectionTransport)
    for _ in range(2):
        response = await transport.handle_async_request(httpx.Request("GET", f"{server.url}/sdk/benchmarks/jobs/J"))
        await response.aread()
        await response.aclose()
        await transport.aclose()
    assert server.asked == [JOB, JOB]


@pytest.mark.anyio
async def test_a_mock_takes_over_an_open_connection(server: LoopbackServer) -> None:
    """A mock that starts after the connection was opened answers all the same, and the server again once it ends."""
    server.route(JOB, job_document(status="running"))
    async with Client("key", base_url=server.url) as client:
        before = await client.get_job("J")
        with respx.mock(base_url=server.url) as mock:
            mock.get("/sdk/benchmarks/jobs/J").respond(json=job_document(status="failed"))
            meanwhile = await client.get_job("J")
        after = await client.get_job("J")

    assert [each.status for each in (before, meanwhile, after)] == ["running", "failed", "running"]
    assert server.asked == [JOB, JOB]


MOCKS = {
    "httpcore": """
import respx
mock = respx.mock(base_url="http://127.0.0.1:9")
mock.get("/sdk/benchmarks/jobs/J").respond(json={"jobId": "J", "status": "failed"})
mock.start()
""",
    "httpx": """
import httpx
async def answer(transport, request):
    return httpx.Response(200, json={"jobId": "J", "status": "failed"})
httpx.AsyncHTTPTransport.handle_async_request = answer
""",
    "wrapt": """
import httpx, wrapt
async def answer(wrapped, transport, arguments, keywords):
    return httpx.Response(200, json={"jobId": "J", "status": "failed"})
wrapt.wrap_function_wrapper(httpx.AsyncHTTPTransport, "handle_async_request", answer)
""",
}


@pytest.mark.parametrize("mock", MOCKS)
def test_a_mock_is_seen_though_it_was_there_first(mock: str) -> None:
    """A mock that starts before anything of the client's network was imported answers all the same."""
    program = f"""
import asyncio
{MOCKS[mock]}
from aiobench import Client
async def main():
    async with Client("key", base_url="http://127.0.0.1:9", max_retries=0) as client:
        print((await client.get_job("J")).status)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("failed\n", "")


def test_repr_shows_no_password() -> None:
    """A proxy's password is not shown (F18)."""
    assert "s3cret" not in repr(maker(proxy="http://me:s3cret@p:1"))
