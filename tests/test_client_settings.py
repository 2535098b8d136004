"""A client's settings: where they come from, which are refused, and what is never shown."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from aiobench import AiobenchError, Client, ConfigurationError, PollPolicy, __version__

if TYPE_CHECKING:
    from pathlib import Path

    from loopback import LoopbackServer

KEY = "k3y-of-the-team"
ROUTE = "GET /sdk/benchmarks/jobs/J"
JOB = {"jobId": "J", "status": "running", "benchmark": {"id": "B"}}


# -- the key and the base URL ------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("argument", "environ", "sent"),
    [
        ("mine", {"TEAM_API_KEY": "a", "AIXPLAIN_API_KEY": "b"}, "mine"),
        (None, {"TEAM_API_KEY": "a"}, "a"),
        (None, {"AIXPLAIN_API_KEY": "b"}, "b"),
        (None, {"TEAM_API_KEY": "c", "AIXPLAIN_API_KEY": "c"}, "c"),
    ],
)
async def test_key_is_sent_from_where_it_was_found(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, argument: str | None, environ: dict[str, str], sent: str
) -> None:
    """The argument wins over TEAM_API_KEY, that over AIXPLAIN_API_KEY; the header is `Authorization: Token KEY`."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    server.route(ROUTE, JOB)

    async with Client(argument, base_url=server.url) as client:
        await client.get_job("J")

    assert server.requests[0].headers.get_all("Authorization") == [f"Token {sent}"]


def test_no_key_is_an_error_before_any_request() -> None:
    """Without a key there is no client."""
    with pytest.raises(ConfigurationError, match="no API key"):
        Client()


def test_two_keys_are_an_error_only_without_an_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two different keys in the environment are an error, unless the argument decides."""
    monkeypatch.setenv("TEAM_API_KEY", "a")
    monkeypatch.setenv("AIXPLAIN_API_KEY", "b")

    with pytest.raises(ConfigurationError, match="both set and differ"):
        Client()
    assert isinstance(Client("mine"), Client)


def test_env_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.env` file in the working directory is not read."""
    (tmp_path / ".env").write_text("TEAM_API_KEY=from-the-file\n", "utf-8")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=r"aiobench does not read \.env files"):
        Client()


@pytest.mark.anyio
async def test_environment_is_never_written(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client leaves `os.environ` as it was."""
    monkeypatch.setenv("AIXPLAIN_API_KEY", "b")
    monkeypatch.setenv("BACKEND_URL", server.url)
    server.route(ROUTE, JOB)
    before = dict(os.environ)

    async with Client() as client:
        await client.get_job("J")

    assert before == dict(os.environ)


@pytest.mark.anyio
async def test_backend_url_is_the_default_base_url(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `base_url=`, BACKEND_URL says where the platform is."""
    monkeypatch.setenv("BACKEND_URL", server.url)
    server.route(ROUTE, JOB)

    async with Client(KEY) as client:
        job = await client.get_job("J")

    assert job.status == "running"


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [
        (None, None, "https://platform-api.aixplain.com/"),
        (None, "", "https://platform-api.aixplain.com/"),
        (None, "https://gateway.example/x", "https://gateway.example/x/"),
        ("https://mine.example", "https://gateway.example/x", "https://mine.example/"),
    ],
)
def test_which_base_url(
    monkeypatch: pytest.MonkeyPatch, argument: str | None, variable: str | None, expected: str
) -> None:
    """The argument wins over BACKEND_URL, that over aiXplain's platform."""
    if variable is not None:
        monkeypatch.setenv("BACKEND_URL", variable)

    assert repr(Client(KEY, base_url=argument)) == f"<aiobench.Client of {expected}>"


@pytest.mark.anyio
@pytest.mark.parametrize("prefix", ["/gateway", "/gateway/v1/", "/team%2Fone"])
async def test_routes_are_appended_to_the_base_urls_path(server: LoopbackServer, prefix: str) -> None:
    """A gateway's prefix stands before every route, as it was written."""
    server.route(f"GET {prefix.rstrip('/')}/sdk/benchmarks/jobs/J", JOB)

    async with Client(KEY, base_url=server.url + prefix) as client:
        assert (await client.get_job("J")).status == "running"


def test_bad_base_url_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BACKEND_URL that is none is refused like an argument."""
    monkeypatch.setenv("BACKEND_URL", "platform-api.aixplain.com")

    with pytest.raises(
        ConfigurationError, match=r"the base URL 'platform-api\.aixplain\.com' must begin with https://"
    ):
        Client(KEY)


def test_plain_http_to_another_machine_needs_a_word() -> None:
    """The key goes over plain http to another machine only where the user says so (F17)."""
    with pytest.raises(ConfigurationError, match="allow_plain_http=True"):
        Client(KEY, base_url="http://backend.example")
    assert isinstance(Client(KEY, base_url="http://backend.example", allow_plain_http=True), Client)


# -- the other settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": "30"},
        {"timeout": True},
        {"timeout": None},
        {"max_retries": -1},
        {"max_retries": 1.5},
        {"max_retries": True},
        {"max_retry_after": -1},
        {"max_retry_after": float("nan")},
        {"max_connections": 0},
        {"max_connections": 2.0},
        {"proxy": "proxy.example"},
        {"proxy": "ftp://proxy.example"},
        {"proxy": 5},
        {"transport": "requests"},
        {"poll": 2.0},
        {"allow_result_hosts": "storage.internal"},
        {"allow_result_hosts": None},
        {"allow_result_hosts": [5]},
        {"allow_result_hosts": ["https://storage.internal/x"]},
        {"default_headers": [("X-A", "1")]},
        {"default_headers": {"X-A": 1}},
        {"default_headers": {"X-A": "a\r\nX-B: b"}},
        {"default_headers": {"X-Ä": "a"}},
        {"default_headers": {"AUTHORIZATION": "Token other"}},
        {"default_headers": {"Host": "other.example"}},
        {"default_headers": {"Accept-Encoding": "br"}},
    ],
    ids=str,
)
def test_setting_that_cannot_be_used_is_refused(setting: dict[str, Any]) -> None:
    """A setting of a wrong type or value is refused by its name, when the client is made."""
    (name,) = setting

    with pytest.raises(ConfigurationError, match=name.partition("=")[0] if name != "default_headers" else "header"):
        Client(KEY, **setting)


@pytest.mark.parametrize(
    "setting",
    [
        {"timeout": 0.001},
        {"timeout": float("inf")},
        {"max_retries": 0},
        {"max_retry_after": 0},
        {"max_connections": 1},
        {"proxy": "http://proxy.example:3128"},
        {"trust_env": False},
        {"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
        {"poll": PollPolicy(interval=0.5)},
        {"allow_result_hosts": ["storage.internal", "10.0.0.1"]},
        {"default_headers": {}},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_setting_that_can_be_used_is_taken(setting: dict[str, Any]) -> None:
    """Each setting's ordinary and extreme values make a client."""
    assert isinstance(Client(KEY, **setting), Client)


def test_refused_proxy_shows_no_password() -> None:
    """The error about a proxy does not hold its password (F18)."""
    with pytest.raises(ConfigurationError, match="proxy=") as caught:
        Client(KEY, proxy="gopher://me:s3cret@proxy.example")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"interval": -1},
        {"backoff": 0.5},
        {"jitter": "a"},
        {"terminal": "completed"},
        {"terminal": [5]},
        {"terminal": 5},
    ],
    ids=str,
)
def test_policy_that_cannot_be_used_is_refused(setting: dict[str, Any]) -> None:
    """A PollPolicy that could not be kept is refused when it is made."""
    (name,) = setting

    with pytest.raises(ConfigurationError, match=f"PollPolicy\\({name}=\\)"):
        PollPolicy(**setting)


# -- headers -----------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_headers_that_are_sent(server: LoopbackServer, client: Client) -> None:
    """Each request says who asks, and for what."""
    server.route(ROUTE, JOB)
    await client.get_job("J")
    headers = server.requests[0].headers

    assert {name.lower(): value for name, value in headers.items()} == {
        "authorization": f"Token {KEY}",
        "user-agent": f"aiobench/{__version__}",
        "accept": "application/json",
        "accept-encoding": "gzip",
        "host": server.url.removeprefix("http://"),
    }


@pytest.mark.anyio
async def test_default_headers_are_added(server: LoopbackServer) -> None:
    """`default_headers` go with every request; one of ours that is named in any case is replaced, not doubled."""
    server.route(ROUTE, JOB)
    async with Client(KEY, base_url=server.url, default_headers={"X-Team": "blue", "user-AGENT": "mine/1"}) as client:
        await client.get_job("J")
        await client.with_options(default_headers={"x-team": "red", "X-More": "1"}).get_job("J")
    first, second = (request.headers for request in server.requests)

    assert (first.get_all("X-Team"), first.get_all("User-Agent"), first["X-More"]) == (["blue"], ["mine/1"], None)
    assert (second.get_all("X-Team"), second.get_all("User-Agent"), second["X-More"]) == (["red"], ["mine/1"], "1")


@pytest.mark.anyio
async def test_callers_headers_are_left_alone(server: LoopbackServer) -> None:
    """The mapping that was passed is not changed, and changing it later changes nothing."""
    headers = {"X-Team": "blue"}
    server.route(ROUTE, JOB)
    async with Client(KEY, base_url=server.url, default_headers=headers) as client:
        headers["X-Team"] = "red"
        await client.get_job("J")

    assert server.requests[0].headers["X-Team"] == "blue"


# -- what is never shown -----------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_key_is_neither_logged_nor_shown(server: LoopbackServer, caplog: pytest.LogCaptureFixture) -> None:
    """No logger, repr or error text holds the key, with every logger at its most talkative (F18)."""
    caplog.set_level(logging.DEBUG)
    server.route(ROUTE, JOB)
    server.route("GET /sdk/benchmarks/jobs/BAD", {"message": f"Token {KEY} is unknown"}, status=401)
    texts: list[str] = []
    async with Client(KEY, base_url=server.url, max_retries=0) as client:
        job = await client.get_job("J")
        try:
            await client.get_job("BAD")
        except AiobenchError as error:
            texts += [str(error), repr(error), repr(vars(error))]
        session = client._context.platform.session
        texts += [repr(each) for each in (client, job, session, client._context.platform, job._request)]

    assert len(texts) == 8
    assert [text for text in (*texts, caplog.text, *map(repr, caplog.records)) if KEY in text] == []
    assert "job J: HTTP 200" in caplog.text


@pytest.mark.parametrize("copying", [pickle.dumps, copy.deepcopy])
def test_client_cannot_be_pickled(copying: Any) -> None:
    """A client holds connections and a key: pickling says to make one where it is needed."""
    with pytest.raises(TypeError, match="cannot be pickled; make one where it is needed"):
        copying(Client(KEY))
