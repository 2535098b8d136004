"""How users describe the models they register."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from attrs import field, frozen

from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import UnionType

__all__ = ["model", "predictions"]


@frozen
class predictions:  # noqa: N801 - reads as a word where models are listed
    """A column of a dataset that holds a model's outputs, one per segment.

    Attributes:
        column: The column's name.
    """

    column: str


@frozen
class model:  # noqa: N801
    """A model with its own limits: `model(translate, timeout=20, retries=2, concurrency=8)`.

    Attributes:
        runs: A function of one source, `predictions("column")`, the address of an endpoint or a command, as in
            `LocalBackend(models=…)`.
        timeout: Seconds that an attempt at a segment may take; None: 60 for endpoints and commands, 300 for others.
            A plain function cannot be stopped: it is left to itself, and its segment has failed.
        retries: Attempts after one that failed, the first after 0.1 s, each further one after twice as long.
        concurrency: Segments at a time, in threads; of use where the model waits. With an executor, that decides.

    Raises:
        ConfigurationError: If a limit is none.
    """

    runs: Callable[[str], str | Awaitable[str]] | predictions | str | Sequence[str]
    timeout: float | None = field(default=None, kw_only=True)
    retries: int = field(default=0, kw_only=True)
    concurrency: int = field(default=1, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.timeout is not None and not (_is_number(self.timeout, int | float) and 0 < self.timeout < inf):
            raise ConfigurationError(f"timeout= must be a number of seconds above 0, not {self.timeout!r}")
        if not (_is_number(self.retries, int) and self.retries >= 0):
            raise ConfigurationError(f"retries= must be a whole number, 0 or more, not {self.retries!r}")
        if not (_is_number(self.concurrency, int) and self.concurrency > 0):
            raise ConfigurationError(f"concurrency= must be a whole number over 0, not {self.concurrency!r}")


def _is_number(value: object, kind: type | UnionType) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
