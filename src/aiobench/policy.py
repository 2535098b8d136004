"""How often to poll, and which statuses are terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from attrs import Factory, field, frozen

from aiobench._errors import ConfigurationError
from aiobench._http.settings import as_seconds
from aiobench._values import Record
from aiobench._wire.statuses import TERMINAL_STATUSES, normalized

__all__ = ["PollPolicy", "checked_policy"]


def _number(value: float | timedelta, what: str, *, least: float = 0.0) -> float:
    """Read seconds or a factor: a number, one of numpy's or a `timedelta`."""
    number = as_seconds(value)
    if number is None or not least <= number < math.inf:
        raise ConfigurationError(f"PollPolicy({what}=) must be a number of at least {least:g}, not {value!r}")
    return number


def _interval(value: float | timedelta) -> float:
    return _number(value, "interval")


def _backoff(value: float) -> float:
    return _number(value, "backoff", least=1.0)


def _max_interval(value: float | timedelta) -> float:
    return _number(value, "max_interval")


def _jitter(value: float) -> float:
    return _number(value, "jitter")


def _statuses(value: Iterable[str]) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigurationError(f"PollPolicy(terminal=) must be a set of statuses, not {value!r}")
    statuses = frozenset(value)
    if not all(isinstance(status, str) for status in statuses):
        raise ConfigurationError(f"PollPolicy(terminal=) must hold texts alone, not {value!r}")
    return statuses


@frozen(eq=False, repr=False)
class PollPolicy(Record):
    """When to poll a job again.

    The wait is `interval` at first. It is multiplied by `backoff` after each poll that shows no change, up to
    `max_interval`, and is `interval` again after a change. A longer `Retry-After` of the server replaces it.

    Attributes:
        interval: Seconds, or a `timedelta`, from one poll to the next while the job changes; 10 ms if it is less.
        backoff: The factor by which the wait grows.
        max_interval: The longest wait, in seconds or as a `timedelta`, unless `interval` itself is longer.
        jitter: The random part of a wait: each wait `d` lies in `[d, d * (1 + jitter)]`.
        terminal: The statuses of a job that has ended. Case does not matter, and `-` and `_` are the same.
    """

    interval: float = field(default=2.0, converter=_interval)
    backoff: float = field(default=1.5, converter=_backoff)
    max_interval: float = field(default=30.0, converter=_max_interval)
    jitter: float = field(default=0.1, converter=_jitter)
    terminal: frozenset[str] = field(default=TERMINAL_STATUSES, converter=_statuses, repr=False)
    _normalized: frozenset[str] = field(
        init=False,
        repr=False,
        eq=False,
        default=Factory(lambda self: frozenset(map(normalized, self.terminal)), takes_self=True),
    )

    @property
    def ends(self) -> frozenset[str]:
        """The terminal statuses as they are compared."""
        return self._normalized

    def is_terminal(self, status: str) -> bool:
        """Return whether a status is terminal.

        Args:
            status: The status, in any case, with `-` or `_`.

        Returns:
            Whether it is one of `terminal`.
        """
        return normalized(status) in self._normalized


def checked_policy(value: PollPolicy | None, default: PollPolicy) -> PollPolicy:
    """Return the policy that a call was given, or *default* where it was given none.

    Raises:
        ConfigurationError: If it is no policy.
    """
    if value is None:
        return default
    if not isinstance(value, PollPolicy):
        raise ConfigurationError(f"poll= must be a PollPolicy, not {value!r}")
    return value
