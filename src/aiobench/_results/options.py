"""The caller's options for frames, checked before anything is downloaded."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from aiobench._errors import ConfigurationError, MissingExtraError
from aiobench._values import Value

__all__ = ["DtypeBackend", "Engine", "ReadOptions"]

DtypeBackend: TypeAlias = Literal["numpy_nullable", "pyarrow"]
"""The types of a frame's columns, by pandas' names for them."""
Engine: TypeAlias = Literal["pyarrow", "python"]
"""What splits a file into fields, by pandas' names for them."""


class ReadOptions(Value, frozen=True):
    """The caller's options.

    Attributes:
        strict: Refuse a field of a metric that is not a number; otherwise it is missing, with a warning.
        dtype_backend: The types of the columns; None: numpy's, and pandas' default for texts.
        engine: What splits a plain file into fields; None: pyarrow, if it is installed.
    """

    strict: bool = False
    dtype_backend: DtypeBackend | None = None
    engine: Engine | None = None

    def __post_init__(self) -> None:
        """Reject invalid options.

        Raises:
            ConfigurationError: If a value is not one of those there are.
            MissingExtraError: If pyarrow is chosen and not installed.
        """
        from importlib.util import find_spec

        for name, value, choices in (
            ("dtype_backend", self.dtype_backend, get_args(DtypeBackend)),
            ("engine", self.engine, get_args(Engine)),
        ):
            if value is not None and value not in choices:
                raise ConfigurationError(f"{name}= must be {' or '.join(map(repr, choices))}, not {value!r}")
            if value == "pyarrow" and find_spec("pyarrow") is None:
                raise MissingExtraError(f"{name}='pyarrow'", extra="export")
        if not isinstance(self.strict, bool):
            raise ConfigurationError(f"strict= must be True or False, not {self.strict!r}")
