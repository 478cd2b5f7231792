"""Dependency injection: the things a process owns, found by type.

Endpoints, jobs, consumers, gRPC servicers and resources all ask in the same way: the type of a parameter names the
thing. A process knows before it starts which types it will hold, so asking for any other stops the start.
"""

import inspect
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")


class NotProvided(TypeError):
    """Something asks for a type that this process does not hold, or does not hold yet."""


class Provided:
    """The things of one process. `kinds` are the types it will hold once all of them have started."""

    def __init__(self, kinds: Iterable[type] = ()) -> None:
        self._kinds = set(kinds)
        self._things: dict[type, Any] = {}

    def add(self, kind: type, thing: Any) -> None:
        """Hold this thing under its type. TypeError if there is one of that type already."""
        if kind in self._things:
            raise TypeError(f"two things of this process are {kind.__name__}")
        self._kinds.add(kind)
        self._things[kind] = thing

    def get(self, kind: type[T]) -> T:
        """The thing of this type. Raises `NotProvided` if it has not started."""
        return cast("T", self.arguments("the process", {"it": kind})["it"])

    def check(self, who: str, asks: Mapping[str, type]) -> None:
        """Raise `NotProvided`, naming `who`, if this process never holds one of the types asked for."""
        refuse_unknown(who, asks, self._kinds)

    def arguments(self, who: str, asks: Mapping[str, type]) -> dict[str, Any]:
        """The thing for each parameter name. Raises `NotProvided`, naming `who`."""
        self.check(who, asks)
        refuse_unknown(who, asks, self._things, "does not hold yet")
        return {name: self._things[kind] for name, kind in asks.items()}

    def make(self, factory: Callable[..., T]) -> T:
        """Call a function or class whose parameters all ask for things of this process."""
        return factory(**self.arguments(factory.__qualname__, asks_of(factory)))


def refuse_unknown(
    who: str, asks: Mapping[str, type], kinds: Collection[type], problem: str = "does not provide"
) -> None:
    """Raise `NotProvided` if one of the types asked for is not among `kinds`."""
    missing = [f"{name}: {kind.__name__}" for name, kind in asks.items() if kind not in kinds]
    if missing:
        raise NotProvided(f"{who} asks for what this process {problem}: {', '.join(missing)}")


def asks_of(factory: Callable[..., Any], *, skip: int = 0, beside: Collection[str] = ()) -> dict[str, type]:
    """Parameter name -> type, as annotated; a parameter with a default asks for nothing.

    Leaves out the first `skip` parameters and those named in `beside`. Raises TypeError if an annotation is no class.
    """
    made_by: Any = factory.__init__ if inspect.isclass(factory) else factory
    hints = typing.get_type_hints(made_by)
    asks: dict[str, type] = {}
    for parameter in list(inspect.signature(factory).parameters.values())[skip:]:
        if parameter.name in beside or parameter.default is not parameter.empty:
            continue
        kind = hints.get(parameter.name)
        if not isinstance(kind, type):
            raise TypeError(f"{factory.__qualname__} asks for {parameter.name}: {kind!r}, which is not a class")
        asks[parameter.name] = kind
    return asks
