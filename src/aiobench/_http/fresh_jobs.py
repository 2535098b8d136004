"""Jobs that were just started, which the platform may not know everywhere yet. No clock: times go in."""

from __future__ import annotations

from aiobench._errors import NotFoundError

__all__ = ["GRACE", "FreshJobs"]

GRACE = 30.0  # seconds from the answer to a start during which a 404 for its job is asked again


class FreshJobs:
    """Until when a 404 is no answer, by the URL of the job.

    Attributes:
        has_any: Whether any job was started of late: an attribute, as every reply asks.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self.has_any: bool = False

    def note(self, url: str, now: float) -> None:
        """Note that a job was started."""
        self._until = {each: until for each, until in self._until.items() if until > now}
        self._until[url] = now + GRACE
        self.has_any = True

    def may_appear(self, url: str, now: float, error: Exception | None) -> bool:
        """Return whether *error*, or None for a good reply, is a 404 that may pass.

        Any other reply shows that the platform knows the job: from then on, a 404 is an answer.
        """
        if isinstance(error, NotFoundError):
            return self._until.get(url, now) > now
        self._until.pop(url, None)
        self.has_any = bool(self._until)
        return False
