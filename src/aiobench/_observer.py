"""What a client tells about its work while it does it: the one hook, which costs a comparison where nobody listens."""

from __future__ import annotations

__all__ = ["Observer"]


class Observer:
    """Receives notice of the requests and jobs of one client, its views and its monitors; each method does nothing.

    Methods are called on the event loop, between two steps of the work: they must be quick, and must not raise.
    """

    def requested(
        self,
        method: str,
        route: str,
        server: tuple[str, int | None],
        status: int | None,
        error: str | None,
        seconds: float,
    ) -> None:
        """Note one request that was sent.

        Args:
            method: The HTTP method.
            route: The path with `{job}` and `{benchmark}` in place of ids.
            server: The host, and the port if the URL names one.
            status: The reply's HTTP status, or None if there was none.
            error: The class of the error, or None.
            seconds: From the wait for a free connection to the last byte of the body; of results, to the headers.
        """

    def retried(self, route: str, error: str) -> None:
        """Note that a call or a download is tried again."""

    def paused(self, seconds: float) -> None:
        """Note that a server asks for no requests for a while."""

    def learned(self, states: int) -> None:
        """Note that a reply gave the states of this many jobs."""

    def moved(self, before: str | None, after: str | None) -> None:
        """Note that a watched job changed its status; None: it is not watched yet, or no more."""

    def ended(self, status: str, seconds: float | None) -> None:
        """Note that a job was seen to end, so many seconds after its start; `abandoned` if it cannot be asked for."""
