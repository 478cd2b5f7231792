"""Resources: what a process owns beside its database and bus, such as a client, a store, a model or a pool.

    @resource(health=ObjectStore.answers, metrics=[STORE_BYTES])
    async def object_store(settings: PmcSettings, metrics: Metrics) -> AsyncIterator[ObjectStore]:
        \"\"\"Where uploads are kept.\"\"\"
        store = await ObjectStore.connect(settings.objects_url, metrics.counter(STORE_BYTES))
        try:
            yield store
        finally:
            await store.close()

    PMC = Service(..., resources=[object_store])

Endpoints, jobs, consumers, servicers and later resources then ask for it with a parameter of its type.
"""

import typing
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import getdoc, isasyncgenfunction
from typing import Any, overload

from chassis.frozen import Frozen
from chassis.provided import asks_of
from chassis.telemetry.names import Metric

Open = Callable[..., AbstractAsyncContextManager[Any]]


class Resource(Frozen):
    """A declared resource.

    name     of its health part and in log lines
    gives    the type it is found by
    asks     parameters of `open` -> type of the thing each asks for: settings, clock, units, earlier resources …
    open     makes the async context manager that starts and stops it
    health   asked by readiness with what the resource gave: is it up
    metrics  registered before the resource starts
    """

    name: str
    gives: type
    asks: Mapping[str, type]
    open: Open
    summary: str
    health: Callable[[Any], Awaitable[bool]] | None = None
    metrics: Sequence[Metric] = ()


@overload
def resource(declared: Callable[..., Any], /) -> Resource: ...
@overload
def resource(
    *, health: Callable[[Any], Awaitable[bool]] | None = None, metrics: Sequence[Metric] = ()
) -> Callable[[Callable[..., Any]], Resource]: ...
def resource(
    declared: Callable[..., Any] | None = None,
    /,
    *,
    health: Callable[[Any], Awaitable[bool]] | None = None,
    metrics: Sequence[Metric] = (),
) -> Resource | Callable[[Callable[..., Any]], Resource]:
    """Declare a resource: an async generator function that yields once, or a class that is an async context manager.

    A function's return annotation, `AsyncIterator[Thing]`, names the type it gives; a class gives itself. Raises
    TypeError at import for anything else.
    """

    def declare(declared: Callable[..., Any]) -> Resource:
        summary = (getdoc(declared) or "").partition("\n")[0]
        if not summary:
            raise TypeError(f"resource {declared.__qualname__} has no docstring; its first line says what it is")
        opened: Open = declared if isinstance(declared, type) else asynccontextmanager(declared)
        return Resource(
            name=declared.__name__,
            gives=declared if isinstance(declared, type) else _given_by(declared),
            asks=asks_of(declared),
            open=opened,
            summary=summary,
            health=health,
            metrics=tuple(metrics),
        )

    return declare if declared is None else declare(declared)


def _given_by(function: Callable[..., Any]) -> type:
    answer = typing.get_type_hints(function).get("return")
    given = typing.get_args(answer)
    fits = isasyncgenfunction(function) and typing.get_origin(answer) in {AsyncIterator, AsyncGenerator}
    if not (fits and isinstance(given[0], type)):
        raise TypeError(
            f"resource {function.__qualname__} must be an async generator annotated `-> AsyncIterator[...]`"
        )
    return given[0]
