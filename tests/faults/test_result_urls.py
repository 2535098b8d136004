"""Where results may come from, over real sockets: F16, on both event loops and with aiohttp; TLS and proxies."""

from __future__ import annotations

import asyncio
import base64
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from aiobench import APIConnectionError, Client, ConfigurationError, UnsafeURLError
from faults.certificates import Authority
from faults.everywhere import EVERYWHERE
from faults.proxy import Proxy
from faults.secrets import KEY, SIGNED, raises
from faults.server import FaultServer, answer, running

pytestmark = pytest.mark.anyio

FILE = "/results/j.csv"
UNSAFE = [
    "http://example.com",
    "ftp://example.com",
    "file:///etc/passwd",
    "https://",
    "//example.com",
    "https://user:password@example.com",
    "https://user@example.com",
    "https://127.0.0.1",
    "https://127.8.9.1",
    "https://0.0.0.0",
    "https://10.1.2.3",
    "https://172.16.0.1",
    "https://192.168.1.1",
    "https://169.254.169.254",
    "https://100.64.0.1",
    "https://100.100.100.200",
    "https://192.0.0.192",
    "https://198.18.0.1",
    "https://224.0.0.1",
    "https://240.0.0.1",
    "https://255.255.255.255",
    "https://[::]",
    "https://[::1]",
    "https://[::127.0.0.1]",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:10.0.0.1]",
    "https://[64:ff9b::7f00:1]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[64:ff9b:1::1]",
    "https://[2002:7f00:1::]",
    "https://[2002:c0a8:101::1]",
    "https://[2001:0:4136:e378:8000:63bf:f5ff:fffe]",
    "https://[fe80::1]",
    "https://[fe80::1%25eth0]",
    "https://[fc00::1]",
    "https://[fec0::1]",
    "https://[ff02::1]",
    "https://[ff0e::1]",
    "https://[2001:db8::1]",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://0177.0.0.1",
    "https://127.0.0.1.",
    "https://example.com:99999999",
]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Write down every address that anything in this process connects to, and let nothing leave this machine."""
    seen: list[tuple[object, ...]] = []

    def note(address: object) -> None:
        if isinstance(address, tuple):
            seen.append(address)
            if not str(address[0]).startswith(("127.", "::1")):
                raise ConnectionRefusedError(111, "not in a test")

    real_connect, real_connect_ex = socket.socket.connect, socket.socket.connect_ex

    def connect(self: socket.socket, address: object) -> None:
        note(address)
        real_connect(self, address)  # type: ignore[arg-type]

    def connect_ex(self: socket.socket, address: object) -> int:
        note(address)
        return real_connect_ex(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    if sys.platform == "win32":  # whose event loops ask the system themselves
        real = asyncio.IocpProactor.connect

        def connect_by_loop(self: asyncio.IocpProactor, of: socket.socket, address: object) -> object:
            note(address)
            return real(self, of, address)  # type: ignore[arg-type]

        monkeypatch.setattr(asyncio.IocpProactor, "connect", connect_by_loop)
    return seen


def names(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[list[str]]]) -> list[str]:
    """Answer look-ups of the hosts of *answers*, each time by the next list of addresses, the last one for ever."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: object, port: object, *rest: object, **options: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in answers:
            return real(host, port, *rest, **options)  # type: ignore[arg-type]
        asked.append(str(name))
        lists = answers[str(name)]
        found = lists.pop(0) if len(lists) > 1 else lists[0]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


async def from_afar(new_client: Callable[..., Client], server: FaultServer, **settings: object) -> Client:
    """Make a client to which the platform is on the internet, so that its rules for loopback do not apply."""
    from msgspec.structs import replace

    client = new_client(**settings)
    rules = replace(client._context.rules, loopback_allowed=False)
    client._context = replace(client._context, rules=rules)
    maker = client._context.platform.session.results._make.__self__  # type: ignore[attr-defined]
    client._context.platform.session.results._make = replace(maker, check_addresses=rules.check_addresses).make
    return client


@EVERYWHERE
@pytest.mark.parametrize("url", UNSAFE)
async def test_unsafe_urls(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, dialled: list[tuple[object, ...]], url: str
) -> None:
    """F16: such a URL is refused before anything is looked up or dialled, given as such or by a redirect."""
    client = await from_afar(new_client, server)
    server.add_job("j", "completed", reportUrl=f"{url}{FILE}{SIGNED}")
    with raises(UnsafeURLError) as caught:
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")
    assert "password" not in str(caught.value)
    assert {address[1] for address in dialled} == {server.port}
    assert list(tmp_path.iterdir()) == []


@EVERYWHERE
@pytest.mark.parametrize(
    "url", ["https://169.254.169.254/", "https://127.1/", "https://[::ffff:10.0.0.1]/", "https://u@h/"]
)
async def test_unsafe_redirects(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, dialled: list[tuple[object, ...]], url: str
) -> None:
    """F16: what a redirect leads to is held to the same rules as the URL itself."""
    server.add_results("j", b"x")
    server.script("GET /results", always=answer(302, b"", Location=url + SIGNED))
    with raises(UnsafeURLError):
        await new_client().job("j").download_results_as_csv(tmp_path / "x.csv")
    assert {address[1] for address in dialled} == {server.port}


@EVERYWHERE
@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
async def test_names_that_lead_inside(
    server: FaultServer,
    new_client: Callable[..., Client],
    tmp_path: Path,
    dialled: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    inside: str,
) -> None:
    """F16: a name is refused when one of its addresses is not on the public internet; none of them is dialled."""
    names(monkeypatch, {"files.example": [["93.184.215.14", inside]]})
    client = await from_afar(new_client, server)
    server.add_job("j", "completed", reportUrl=f"https://files.example{FILE}")
    with raises(UnsafeURLError, match="not on the public internet"):
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")
    assert {address[1] for address in dialled} == {server.port}


@EVERYWHERE
async def test_rebinding(
    server: FaultServer,
    new_client: Callable[..., Client],
    tmp_path: Path,
    dialled: list[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F16: a name server that says something else the second time is not asked twice: what was checked is dialled."""
    asked = names(monkeypatch, {"rebind.example": [["93.184.215.14"], ["127.0.0.1"]]})
    client = await from_afar(new_client, server, max_retries=0)
    server.add_job("j", "completed", reportUrl=f"https://rebind.example:{server.port}{FILE}")
    with raises(APIConnectionError):
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")
    assert asked == ["rebind.example"]
    assert ("93.184.215.14", server.port) in [address[:2] for address in dialled]
    assert server.sent_to("GET /results") == []


@EVERYWHERE
async def test_allowed_hosts(
    server: FaultServer, new_client: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F16: a host in `allow_result_hosts` may be private and speak plain http; no other host may."""
    names(monkeypatch, {"minio.internal": [["127.0.0.1"]], "other.internal": [["127.0.0.1"]]})
    server.files[FILE], server.etags[FILE] = b"a,b\n", '"v"'
    client = await from_afar(new_client, server, allow_result_hosts={"MinIO.internal", "127.0.0.1"})
    for host in ("minio.internal", "127.0.0.1"):
        server.add_job("j", "completed", reportUrl=f"http://{host}:{server.port}{FILE}")
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")
    server.add_job("j", "completed", reportUrl=f"http://other.internal:{server.port}{FILE}")
    with raises(UnsafeURLError):
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")


@EVERYWHERE
async def test_loopback_beside_a_platform_on_loopback(
    server: FaultServer, canary: FaultServer, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    """F16: results on loopback are fine when the platform itself is on loopback, at any port; private ones are not."""
    canary.files[FILE], canary.etags[FILE] = b"a,b\n", '"v"'
    server.add_job("j", "completed", reportUrl=f"{canary.base_url}{FILE}")
    await new_client().job("j").download_results_as_csv(tmp_path / "x.csv")
    server.add_job("j", "completed", reportUrl=f"https://10.0.0.1{FILE}")
    with raises(UnsafeURLError):
        await new_client().job("j").download_results_as_csv(tmp_path / "x.csv")


# -- TLS ---------------------------------------------------------------------------------------------------------


@EVERYWHERE
async def test_tls_by_name(
    server: FaultServer,
    new_client: Callable[..., Client],
    tmp_path: Path,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F16: though an address is dialled, certificate, SNI and `Host` are those of the name; https→http is refused."""
    names(monkeypatch, {"files.example": [["127.0.0.1"]], "wrong.example": [["127.0.0.1"]]})
    asked: list[str | None] = []
    context = authority.server("files.example")
    context.sni_callback = lambda _, name, __: asked.append(name)
    with running(tls=context) as secure:
        secure.files[FILE], secure.etags[FILE] = b"a,b\n", '"v"'
        client = new_client(ssl_context=authority.client(), max_retries=0)
        server.add_job("j", "completed", reportUrl=f"https://files.example:{secure.port}{FILE}{SIGNED}")
        await client.job("j").download_results_as_csv(tmp_path / "x.csv")
        assert asked == ["files.example"]
        assert secure.requests[0].headers["host"] == f"files.example:{secure.port}"

        secure.script("GET /results", answer(302, b"", Location=f"{server.base_url}{FILE}"))
        with raises(UnsafeURLError, match="https to plain http"):
            await client.job("j").download_results_as_csv(tmp_path / "x.csv")

        server.add_job("j", "completed", reportUrl=f"https://wrong.example:{secure.port}{FILE}{SIGNED}")
        with raises(APIConnectionError, match="(?i)certificate"):
            await client.job("j").download_results_as_csv(tmp_path / "x.csv")


@EVERYWHERE
async def test_ssl_cert_file(
    new_client: Callable[..., Client], authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """F17: `SSL_CERT_FILE` counts with `trust_env` alone; one that cannot be read is a `ConfigurationError`."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with running(tls=authority.server("127.0.0.1")) as secure:
        secure.add_job("j")
        assert await new_client(base_url=secure.base_url, trust_env=True).job("j").check_status() == "in_progress"
        with raises(APIConnectionError, match="(?i)certificate") as caught:
            await new_client(base_url=secure.base_url, trust_env=False, max_retries=0).job("j").check_status()
        assert not caught.value.maybe_sent
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with raises(ConfigurationError, match="SSL_CERT_FILE"):
            await new_client(base_url=secure.base_url, trust_env=True).job("j").check_status()
        assert len(secure.requests) == 1


@EVERYWHERE
async def test_a_handshake_without_end(new_client: Callable[..., Client], authority: Authority) -> None:
    """F02: a TLS handshake that is cancelled while the server keeps silent leaves no socket."""
    from faults import leaks

    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(10)
        port = silent.getsockname()[1]
        client = new_client(base_url=f"https://127.0.0.1:{port}", ssl_context=authority.client())
        async with anyio.create_task_group() as group:
            group.start_soon(client.job("j").check_status)
            server_end, _ = await anyio.to_thread.run_sync(silent.accept)
            with server_end:
                server_end.settimeout(10)
                assert await anyio.to_thread.run_sync(server_end.recv, 1)  # the handshake has begun
                group.cancel_scope.cancel()
        assert await leaks.settle(lambda: leaks.sockets_to(port), 0) == 0


@EVERYWHERE
async def test_cancelled_handshakes(new_client: Callable[..., Client], authority: Authority, seed: int) -> None:
    """F02: a TLS handshake that is cut short at any moment leaves no socket."""
    import random

    from faults import leaks

    rng = random.Random(seed)
    with running(tls=authority.server("127.0.0.1")) as secure:
        secure.add_job("j")
        client = new_client(base_url=secure.base_url, ssl_context=authority.client(), max_connections=4)
        client._context.platform.session.keep_no_connections()
        for _ in range(60):
            with anyio.move_on_after(rng.random() * 0.01):
                await client.job("j").check_status()
        assert await client.job("j").check_status() == "in_progress"
        await client.aclose()
        assert await leaks.settle(lambda: leaks.sockets_to(secure.port), 0) == 0


# -- proxies -----------------------------------------------------------------------------------------------------

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Clear the environment of proxies."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@EVERYWHERE
@pytest.mark.parametrize("how", ["proxy=", "HTTPS_PROXY", "without scheme"])
async def test_a_proxy_for_https(
    new_client: Callable[..., Client], authority: Authority, environment: pytest.MonkeyPatch, how: str
) -> None:
    """F15: through a proxy, by argument or environment, https is a tunnel: the proxy sees neither key nor path."""
    with running(tls=authority.server("platform.example")) as secure, Proxy(to="127.0.0.1") as proxy:
        secure.add_job("j")
        settings: dict[str, object] = {"trust_env": True}
        if how == "proxy=":
            settings = {"proxy": f"http://me:pass-word@127.0.0.1:{proxy.port}"}
        else:
            environment.setenv("HTTPS_PROXY", f"{'http://' if how == 'HTTPS_PROXY' else ''}127.0.0.1:{proxy.port}")
        url = f"https://platform.example:{secure.port}"
        client = new_client(base_url=url, ssl_context=authority.client(), **settings)
        assert await client.job("j").check_status() == "in_progress"
        (seen,) = proxy.heads
        assert seen.startswith(f"CONNECT platform.example:{secure.port} ".encode())
        assert KEY.encode() not in proxy.bytes
        assert b"sdk/benchmarks" not in proxy.bytes
        assert (base64.b64encode(b"me:pass-word") in seen) == (how == "proxy=")
        assert "pass-word" not in repr(client._context.platform.session)


@EVERYWHERE
@pytest.mark.parametrize("is_trusted", [True, False])
async def test_a_proxy_that_speaks_tls(
    new_client: Callable[..., Client],
    authority: Authority,
    environment: pytest.MonkeyPatch,
    *,
    is_trusted: bool,
) -> None:
    """F15: the user's context holds for the TLS of an `https://` proxy as it does for the platform's within it."""
    names(environment, {"proxy.localhost": [["127.0.0.1"]]})
    host = "proxy.localhost" if is_trusted else "another.localhost"
    with (
        running(tls=authority.server("platform.example")) as secure,
        Proxy(to="127.0.0.1", tls=authority.server(host)) as proxy,
    ):
        secure.add_job("j")
        client = new_client(
            base_url=f"https://platform.example:{secure.port}",
            ssl_context=authority.client(),
            proxy=f"https://proxy.localhost:{proxy.port}",
            max_retries=0,
        )
        if is_trusted:
            assert await client.job("j").check_status() == "in_progress"
            assert proxy.heads[0].startswith(f"CONNECT platform.example:{secure.port} ".encode())
            await client.aclose()
        else:
            with raises(APIConnectionError, match="(?i)certificate"):
                await client.job("j").check_status()
            assert (proxy.heads, secure.requests) == ([], [])


@EVERYWHERE
async def test_no_proxy(
    server: FaultServer, new_client: Callable[..., Client], environment: pytest.MonkeyPatch
) -> None:
    """F15: `NO_PROXY` and `trust_env=False` keep requests away from the environment's proxy."""
    server.add_job("j")
    names(environment, {"platform.example": [["127.0.0.1"]]})
    settings = {"base_url": f"http://platform.example:{server.port}", "allow_plain_http": True}
    with Proxy(to="127.0.0.1") as proxy:
        environment.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        await new_client(trust_env=False, **settings).job("j").check_status()
        environment.setenv("NO_PROXY", "platform.example")
        await new_client(trust_env=True, **settings).job("j").check_status()
        assert proxy.heads == []
        environment.delenv("NO_PROXY")
        await new_client(trust_env=True, **settings).job("j").check_status()
        assert len(proxy.heads) == 1


@EVERYWHERE
async def test_this_machine_needs_no_proxy(
    server: FaultServer, new_client: Callable[..., Client], environment: pytest.MonkeyPatch
) -> None:
    """F31: requests to this machine pass by the environment's proxy, which would read the key."""
    server.add_job("j")
    with Proxy() as proxy:
        environment.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        environment.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert await new_client(trust_env=True).job("j").check_status() == "in_progress"
        assert proxy.heads == []


@EVERYWHERE
async def test_a_proxy_that_refuses(new_client: Callable[..., Client], authority: Authority) -> None:
    """F04: a proxy that refuses, or is not there, is `APIConnectionError`, and the request was surely not sent."""
    with running(tls=authority.server("127.0.0.1")) as secure, Proxy(refuse=True) as proxy:
        client = new_client(
            base_url=secure.base_url,
            ssl_context=authority.client(),
            proxy=f"http://u:pass-word@127.0.0.1:{proxy.port}",
            max_retries=0,
        )
        with raises(APIConnectionError) as caught:
            await client.job("j").check_status()
        assert not caught.value.maybe_sent
        assert "pass-word" not in str(caught.value)
    with raises(APIConnectionError) as caught:
        await client.job("j").check_status()
    assert not caught.value.maybe_sent


def test_a_proxy_that_is_none() -> None:
    """F18: a proxy that is no URL is refused without showing it: it may hold a password."""
    for proxy in ("pass-word", "ftp://u:pass-word@h", 3):
        with raises(ConfigurationError) as caught:
            Client(KEY, proxy=proxy)  # type: ignore[arg-type]
        assert "pass-word" not in str(caught.value)
