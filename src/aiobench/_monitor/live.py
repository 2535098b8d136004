"""A live view of a mapping, which may change during iteration."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from typing import Generic, TypeVar

__all__ = ["LiveMapping"]

V = TypeVar("V")


class LiveMapping(Mapping[str, V], Generic[V]):
    """A read-only view. Values are created on access, and keys that vanish during iteration are skipped.

    Args:
        keys: Returns the present keys.
        find: Returns the value of a key, None for none.
        everything: Returns the present items at once, where that is cheaper.
    """

    def __init__(
        self,
        keys: Callable[[], list[str]],
        find: Callable[[str], V | None],
        everything: Callable[[], Iterable[tuple[str, V]]] | None = None,
    ) -> None:
        self._keys = keys
        self._find = find
        self._everything = everything or self._one_by_one

    def _one_by_one(self) -> Iterator[tuple[str, V]]:
        for key in self._keys():
            value = self._find(key)
            if value is not None:
                yield key, value

    def __getitem__(self, key: str) -> V:
        value = self._find(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def items(self) -> ItemsView[str, V]:
        """Return the keys with their values."""
        return _LiveItems(self, self._everything)

    def values(self) -> ValuesView[V]:
        """Return the values."""
        return _LiveValues(self, self._everything)

    def __repr__(self) -> str:
        return f"<{len(self)} jobs being watched>"


class _LiveItems(ItemsView[str, V]):
    def __init__(self, mapping: Mapping[str, V], items: Callable[[], Iterable[tuple[str, V]]]) -> None:
        super().__init__(mapping)
        self._items = items

    def __iter__(self) -> Iterator[tuple[str, V]]:
        return iter(self._items())


class _LiveValues(ValuesView[V]):
    def __init__(self, mapping: Mapping[str, V], items: Callable[[], Iterable[tuple[str, V]]]) -> None:
        super().__init__(mapping)
        self._items = items

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._items())
