"""The bases of classes that hold values.

Every import pays for making these classes, and attrs writes and compiles the methods of each: 0.4 ms. So what users do
not see is made by msgspec, in a twentieth of that; and attrs classes share the methods that one class can have for all.
"""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

__all__ = ["Record", "Value"]


class Value(msgspec.Struct, frozen=True, eq=False):
    """A value within the library, whose fields are set once.

    Values are compared by identity. They are shown by their name alone: fields may hold a key or a password.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Record:
    """Lets an attrs class be compared, hashed and shown by its fields, as attrs does by default."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return _compared(self) == _compared(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), _compared(self)))

    def __repr__(self) -> str:
        shown = (f"{each.name}={getattr(self, each.name)!r}" for each in _fields(self) if each.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"


def _compared(record: Record) -> tuple[object, ...]:
    return tuple(getattr(record, each.name) for each in _fields(record) if each.eq)


def _fields(record: Record) -> tuple[attrs.Attribute[Any], ...]:
    cls: Any = type(record)
    found: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    return found
