"""What a transport raised, translated: which error it is, whether the request was sent, and what may be shown of it."""

from __future__ import annotations

import httpx

from aiobench._errors import APIConnectionError, APITimeoutError
from aiobench._http.credentials import redacted

__all__ = ["connection_error", "shown"]


def connection_error(what: str, origin: str, failure: Exception, *secrets: str) -> APIConnectionError:
    """Translate what a transport raised; its innermost cause says most."""
    chain: list[BaseException] = [failure]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    never_sent = any(
        isinstance(each, httpx.ConnectError | httpx.ProxyError) or _is_aiohttp_connect_error(each) for each in chain
    )
    cause = chain[-1]
    reason = redacted(str(cause) or str(failure) or "no reason given", *secrets)
    # the innermost again: httpx-aiohttp calls every broken connection a timeout
    kind = APITimeoutError if isinstance(cause, httpx.TimeoutException | TimeoutError) else APIConnectionError
    advice = "; is the server running, and the base URL right?" if isinstance(cause, ConnectionRefusedError) else ""
    text = f"{what}: could not talk to {origin}: {reason} ({type(cause).__name__}){advice}"
    return kind(text, maybe_sent=not never_sent)


def shown(failure: Exception, *secrets: str) -> Exception | None:
    """Return *failure* as a cause that a traceback may show; None if it repeats a secret or a signed URL."""
    each: BaseException | None = failure
    while each is not None:
        if any(text != redacted(text, *secrets) for text in (str(each), repr(each))):
            return None
        each = each.__cause__ or each.__context__
    return failure


def _is_aiohttp_connect_error(error: BaseException) -> bool:
    # by name, for aiohttp may not be installed
    return any(cls.__name__ == "ClientConnectorError" for cls in type(error).__mro__)
