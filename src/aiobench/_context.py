"""What a client, its views, jobs and monitors share, including jobs without a client."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Collection, Mapping
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, NoReturn

import anyio
from msgspec.structs import replace

from aiobench._clock import current_clock
from aiobench._http.platform import Platform
from aiobench._http.result_urls import ResultURLRules
from aiobench._http.session import MAX_DOCUMENT, Session
from aiobench._http.settings import (
    DEFAULT_BASE_URL,
    checked_base_url,
    checked_count,
    checked_hosts,
    checked_options,
    is_this_machine,
    resolved_api_key,
)
from aiobench._http.transports import TransportMaker, TransportOption
from aiobench._values import Value
from aiobench.policy import PollPolicy, checked_policy

if TYPE_CHECKING:
    import anyio.lowlevel  # noqa: TC004 - anyio imports it itself when it is first used

__all__ = ["ClientBase", "Context", "context_of", "default_context", "new_context"]


class Context(Value, frozen=True):
    """How to ask the platform: a session with its call options, the rules for result URLs, and a poll policy."""

    platform: Platform
    rules: ResultURLRules
    poll: PollPolicy

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Client holds connections and a key and cannot be pickled; make one where it is needed")

    def evolved(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        max_retry_after: float | None = None,
        poll: PollPolicy | None = None,
        default_headers: Mapping[str, str] | None = None,
    ) -> Context:
        """Return a context with other options on the same session; see `Client.with_options()`.

        Raises:
            ConfigurationError: If an option is invalid.
        """
        held = self.platform.options
        options = checked_options(
            timeout=held.timeout if timeout is None else timeout,
            max_retries=held.max_retries if max_retries is None else max_retries,
            max_retry_after=held.max_retry_after if max_retry_after is None else max_retry_after,
            headers={**held.headers, **(default_headers or {})},
        )
        return Context(Platform(self.platform.session, options), self.rules, checked_policy(poll, self.poll))


def new_context(
    api_key: str | None = None,
    *,
    base_url: str | None = None,
    timeout: float = 30.0,
    max_retries: int = 4,
    max_retry_after: float = 60.0,
    max_connections: int = 25,
    proxy: str | None = None,
    trust_env: bool = True,
    ssl_context: ssl.SSLContext | None = None,
    transport: TransportOption = "httpx",
    poll: PollPolicy | None = None,
    allow_result_hosts: Collection[str] = (),
    max_document: int = MAX_DOCUMENT,
    allow_plain_http: bool = False,
    default_headers: Mapping[str, str] | None = None,
) -> Context:
    """Create a context with its own session; the settings are those of `Client`.

    Raises:
        ConfigurationError: If a setting is invalid, or there is no key.
        MissingExtraError: If the transport needs a package that is not installed.
    """
    url = checked_base_url(
        base_url if base_url is not None else os.environ.get("BACKEND_URL", "").strip() or DEFAULT_BASE_URL,
        allow_plain_http=allow_plain_http,
    )
    options = checked_options(
        timeout=timeout, max_retries=max_retries, max_retry_after=max_retry_after, headers=default_headers
    )
    rules = ResultURLRules(is_this_machine(url.host), checked_hosts(allow_result_hosts))
    transports = TransportMaker(transport, proxy, trust_env, ssl_context, allow_plain_http=allow_plain_http)
    transports.check(url)
    session = Session(
        base_url=url,
        api_key=resolved_api_key(api_key, os.environ),
        transports=transports,
        result_transports=replace(transports, check_addresses=rules.check_addresses, carries_key=False),
        clock=current_clock(),
        max_document=checked_count(max_document, "max_document", least=1),
        max_connections=checked_count(max_connections, "max_connections", least=1),
    )
    return Context(Platform(session, options), rules, checked_policy(poll, PollPolicy()))


class ClientBase:
    """What jobs, benchmarks and monitors know of a client: it has a context."""

    _context: Context

    def __init__(self, context: Context) -> None:
        self._context = context


context_of: Callable[[ClientBase], Context] = attrgetter("_context")
"""Return a client's context: a function, so that users see no attribute that is not theirs."""


@cache
def _defaults() -> anyio.lowlevel.RunVar[Context]:
    """Return where the default context of each event loop is: made when it is needed, as anyio imports it then."""
    return anyio.lowlevel.RunVar("aiobench default context")


def default_context() -> Context:
    """Return the event loop's context for jobs without a client, created from the environment at first use.

    Its session keeps no connection between calls, so nothing needs closing, and it does not keep the loop alive.

    Raises:
        ConfigurationError: If the environment's settings are invalid, or there is no key.
    """
    defaults = _defaults()
    context = defaults.get(None)
    if context is None or context.platform.session.clock is not current_clock():
        context = new_context()
        context.platform.session.keep_no_connections()
        defaults.set(context)
    return context
