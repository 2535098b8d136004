"""Faults on request: refusals, dropped connections, lost replies, delays."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from aiobench.testing.replies import FakeRequest, Reply

__all__ = ["Fault", "Faults"]

START = "sdk/benchmarks/{id}/start"


@define
class Fault:
    """A fault that affects the next *times* requests of a kind.

    Attributes:
        instead: The reply to send instead of asking the platform; None: ask it.
        is_lost: Whether the reply is lost on its way.
        route: The route it is for; None: any.
    """

    times: float
    instead: Reply | None = None
    is_lost: bool = False
    route: str | None = None

    def concerns(self, request: FakeRequest) -> bool:
        return self.times > 0 and self.route in (None, request.route)


@frozen
class Faults:
    """The pending faults, oldest first; each request meets at most one."""

    _coming: list[Fault] = field(factory=list[Fault])
    _delays: list[tuple[float, float]] = field(factory=list[tuple[float, float]])

    def add(self, fault: Fault) -> None:
        self._coming.append(fault)

    def delay(self, seconds: float, times: float) -> None:
        """Delay the next *times* replies by *seconds*, replacing any earlier delay."""
        self._delays[:] = [(seconds, times)]

    def clear(self) -> None:
        self._coming.clear()
        self._delays.clear()

    def reply(self, request: FakeRequest, ask: Callable[[], Reply]) -> Reply:
        """Answer a request by *ask*, unless a fault affects it."""
        after = self._next_delay()
        fault = next((each for each in self._coming if each.concerns(request)), None)
        if fault is None:
            found, is_lost = ask(), False
        else:
            fault.times -= 1
            found, is_lost = fault.instead or ask(), fault.is_lost
        self._coming[:] = [each for each in self._coming if each.times > 0]
        return Reply(found.status, found.body, found.headers, after, is_lost or found.is_lost)

    def _next_delay(self) -> float:
        if not self._delays or self._delays[0][1] <= 0:
            return 0.0
        seconds, times = self._delays[0]
        self._delays[0] = seconds, times - 1
        return seconds
