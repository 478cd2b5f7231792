"""Reading the declaration of an endpoint from its handler: parameters, answer and docstring."""

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chassis.caller import Call
from chassis.raw import BodyStream, RawAnswer, RawRequest
from chassis.unit import Change, View

Handler = Callable[..., Awaitable[Any]]


def texts_of(handler: Handler) -> tuple[str, str]:
    """Summary and description of an endpoint, from its handler's docstring. Raises TypeError if there is none."""
    summary, _, description = inspect.cleandoc(handler.__doc__ or "").partition("\n")
    if not summary:
        raise TypeError(f"{handler.__qualname__} has no docstring; its first line is the endpoint's summary")
    return summary, description.strip()


def read_signature(handler: Handler, request: type) -> dict[str, Any]:
    """What the handler of a JSON endpoint asks for and answers, read from its annotations.

    `request` is the base of all request structs. Raises TypeError, naming the handler.
    """
    hints = typing.get_type_hints(handler)
    where = handler.__qualname__
    answered = hints.pop("return", None)
    if not (isinstance(answered, type) and issubclass(answered, Struct)):
        raise TypeError(f"{where} does not say which struct it answers")
    asks: dict[str, type] = {}
    found: dict[str, Any] = {"access": "none", "request": None, "wants_call": False, "asks": asks, "answer": answered}
    for name, hint in hints.items():
        if hint is Call and name == "call":
            found["wants_call"] = True
        elif hint is View and name == "view":
            found["access"] = "view"
        elif hint is Change and name == "change":
            found["access"] = "change"
        elif isinstance(hint, type) and issubclass(hint, request) and name == "body":
            found["request"] = hint
        elif name == "prepared":
            continue
        elif isinstance(hint, type) and name not in {"call", "view", "change", "body"}:
            asks[name] = hint
        else:
            raise TypeError(f"{where} asks for {name}: {hint!r}, which is not what a parameter of that name can be")
    if asks and found["access"] != "none":
        raise TypeError(f"{where} is driven by the engine, so it can ask for nothing outside of data: {sorted(asks)}")
    return found


_RAW_TYPES: Mapping[str, type] = {"http": RawRequest, "body": BodyStream}


def read_raw_signature(handler: Handler, in_path: Sequence[str], request: type, answer: type) -> dict[str, Any]:
    """What the handler of a raw endpoint asks for and answers, read from its annotations.

    `in_path` names the parameters of its path, `request` and `answer` are the bases of those structs. Raises TypeError,
    naming the handler.
    """
    hints, where = typing.get_type_hints(handler, include_extras=True), handler.__qualname__
    answers = _raw_answers(hints.pop("return", None), answer, where)
    if missing := [name for name in in_path if name not in hints]:
        raise TypeError(f"{where} does not take the parameters of its path: {missing}")
    params: Any = msgspec.defstruct(
        "PathParameters", [(name, hints.pop(name)) for name in in_path], frozen=True, kw_only=True
    )
    found: dict[str, Any] = {"request": None, "wants_call": False, "params": params}
    asks: dict[str, type] = {}
    parameters: set[str] = set()
    for name, hint in hints.items():
        if hint is Call and name == "call":
            found["wants_call"] = True
        elif _RAW_TYPES.get(name) is hint:
            parameters.add(name)
        elif name == "query" and isinstance(hint, type) and issubclass(hint, request):
            found["request"] = hint
            parameters.add(name)
        elif isinstance(hint, type) and name not in {*_RAW_TYPES, "query", "call", "view", "change"}:
            asks[name] = hint
        else:
            raise TypeError(f"{where} asks for {name}: {hint!r}, which is not what a parameter of that name can be")
    enveloped = next((each for each in answers if issubclass(each, answer)), RawAnswer)
    return {**found, "parameters": frozenset(parameters), "asks": asks, "answers": answers, "answer": enveloped}


def _raw_answers(hint: Any, answer: type, where: str) -> tuple[type[Any], ...]:
    kinds = typing.get_args(hint) or (hint,)
    if not all(isinstance(kind, type) and issubclass(kind, (answer, RawAnswer)) for kind in kinds):
        raise TypeError(f"{where} does not say which answers it gives")
    if sum(issubclass(kind, answer) for kind in kinds) > 1:
        raise TypeError(f"{where} answers more than one struct in the envelope")
    return kinds
