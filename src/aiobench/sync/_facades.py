"""Base classes of the generated classes, each of which is a view of one core object."""

from __future__ import annotations

import copy
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from operator import attrgetter, methodcaller
from types import TracebackType
from typing import Any, Generic, NoReturn, Protocol, Self, TypeVar, cast
from weakref import WeakValueDictionary

from aiobench._display import Card, Displayed, card_of
from aiobench._monitor.live import LiveMapping
from aiobench.errors import ClientClosedError, ClientStateError, ConfigurationError
from aiobench.job import BenchmarkJob
from aiobench.sync._bridge import Owner, default_owner
from aiobench.sync._lanes import Lane

__all__ = [
    "ClientFacade",
    "Counterpart",
    "Facade",
    "StreamFacade",
    "core_of",
    "cores_of",
    "mapping_of",
    "owner_of",
    "view_of",
]

C = TypeVar("C")
F = TypeVar("F", bound="Facade[Any]")
T = TypeVar("T")


class Counterpart:
    """A blocking object that stands for one of the core: a view or an event."""

    __slots__ = ()

    def _as_core(self) -> Any:
        raise NotImplementedError


class Facade(Counterpart, Displayed, Generic[C]):
    """The only view of one core object. Facades are compared by identity, as their core objects are."""

    __slots__ = ("__weakref__", "_owner", "_core")  # noqa: RUF023 - pickling begins with the owner, which says why not

    def __init__(self, core: C, owner: Owner) -> None:
        self._core, self._owner = core, owner
        _views.add(core, self)

    def _sibling(self, core: C) -> Self:
        """Return a view of *core* with the attributes that a subclass has set."""
        sibling: Self = copy.copy(self)
        sibling._core = core
        _views.add(core, sibling)
        return sibling

    def _as_core(self) -> C:
        return self._core

    def _card(self) -> Card:
        return card_of(cast("Displayed", self._core))

    def _line(self) -> str:
        return repr(self._core).replace("<aiobench.", "<aiobench.sync.", 1)


class _Views:
    """The facades by core object."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: WeakValueDictionary[int, Facade[Any]] = WeakValueDictionary()

    def add(self, core: object, view: Facade[Any]) -> None:
        self._by_id[id(core)] = view

    def of(self, core: object, make: Callable[[], Facade[Any]]) -> Facade[Any]:
        with self._lock:
            # A view keeps its core, so while there is one, no other object has that id.
            return self._by_id.get(id(core)) or make()

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()  # another thread may have held it


_views = _Views()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_views.after_fork_in_child)


class _Closable(Protocol):
    async def aclose(self) -> None: ...


R = TypeVar("R", bound=_Closable)


class ClientFacade(Facade[R]):
    """A view of a client. Only the one that was opened, not derived, closes what they all share."""

    _is_opened = False

    def __init__(self, core: R) -> None:
        super().__init__(core, Owner(core.aclose))
        self._is_opened = True

    def _sibling(self, core: R) -> Self:
        sibling: Self = super()._sibling(core)
        sibling._is_opened = False
        return sibling

    def _close(self) -> None:
        if self._is_opened:
            self._owner.close()

    def __aenter__(self) -> NoReturn:
        raise TypeError("this Client is blocking: use `with`, or aiobench.Client with `async with`")

    def __aexit__(self, *_: object) -> None: ...  # `async with` looks for it before it calls `__aenter__`


class _Stream(_Closable, Protocol):
    async def __aenter__(self) -> object: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


S = TypeVar("S", bound=_Stream)


class StreamFacade(Facade[S]):
    """A view of a core object that one task enters, iterates over and leaves."""

    _is_entered = False

    def _enter(self) -> None:
        core = self._core
        is_entered = False

        async def enter() -> None:
            nonlocal is_entered
            await core.__aenter__()
            is_entered = True

        async def leave() -> None:  # must not hold this view, or it could not be dropped
            if is_entered:
                await core.__aexit__(None, None, None)

        lane = Lane(self._owner, leave)
        lane.call(enter)
        self._lane, self._is_entered = lane, True

    def _next(self, make: Callable[[], Awaitable[T]]) -> T:
        if not self._is_entered:
            raise ClientStateError("enter it first: `with client.monitor(...) as monitor`")
        try:
            return self._lane.call(make)
        except StopAsyncIteration:
            raise StopIteration from None

    def _leave(self) -> None:
        self._lane.close()

    def _card(self) -> Card:
        return self._owner.read(super()._card)

    def _close(self) -> None:
        try:
            self._owner.call(self._core.aclose)
        except ClientClosedError:
            return  # with the client, this was closed as well

    def __aenter__(self) -> NoReturn:
        raise TypeError("this Monitor is blocking: use `with`, or aiobench.Client's with `async with`")

    def __aexit__(self, *_: object) -> None: ...  # as a client's


_as_core: Callable[[Counterpart], Any] = methodcaller("_as_core")
_owner: Callable[[Facade[Any]], Owner] = attrgetter("_owner")


def view_of(cls: type[F], core: Any, owner: Owner) -> F:
    """Return the view of *core*: the existing one, or a new one of class *cls*."""

    def make() -> F:
        view = cls.__new__(cls)  # not cls(): that is the users' constructor
        Facade.__init__(view, core, owner)
        return view

    return cast("F", _views.of(core, make))


def core_of(value: Any) -> Any:
    """Return the core object of a facade; anything else unchanged, for the core to judge.

    Raises:
        ConfigurationError: If it is a job of the core, which belongs to an event loop of the user's.
    """
    if isinstance(value, BenchmarkJob):
        what = f"{value!r} is an asynchronous job, of aiobench, and this is aiobench.sync"
        raise ConfigurationError(f"{what}: pass its id, {value.id!r}")
    return _as_core(value) if isinstance(value, Counterpart) else value


def cores_of(values: Any) -> Any:
    """Return the core object of each value; what is not a collection unchanged, for the core to refuse.

    Raises:
        ConfigurationError: If one is a job of the core.
    """
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        return core_of(values)
    return [core_of(value) for value in values]


def mapping_of(core: Mapping[str, C], make: Callable[[C], T], owner: Owner) -> Mapping[str, T]:
    """Return a live view of a core mapping, read on its event loop."""

    def find(key: str) -> T | None:
        value = owner.read(lambda: core.get(key))
        return None if value is None else make(value)

    def everything() -> list[tuple[str, T]]:
        return [(key, make(value)) for key, value in owner.read(lambda: list(core.items()))]

    return LiveMapping(lambda: owner.read(lambda: list(core)), find, everything)


def owner_of(client: Any) -> Owner:
    """Return the owner of objects built with *client*.

    Raises:
        TypeError: If it is not a client of this world.
    """
    if client is None:
        return default_owner()
    if not isinstance(client, Facade):
        raise TypeError(f"client= must be an aiobench.sync.Client, not {client!r}")
    return _owner(client)
