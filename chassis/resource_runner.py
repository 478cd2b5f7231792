"""Starts the declared resources. Before anything starts, it refuses declarations that ask for what is not provided."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from chassis.health_checks import PartsHealth
from chassis.provided import NotProvided, Provided, asks_of, refuse_unknown
from chassis.resource import Resource
from chassis.service import Parts
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics

ToStop = Callable[[str, Callable[[], Awaitable[None]]], None]
"""Registers how a part, given by name, is stopped."""

log = get_logger("chassis.resources")


class ResourceFailed(RuntimeError):
    """A resource did not start; the text is one line that names it and says why."""


class ResourceRunner:
    """The resources of one process. `doubles` stand in for those of the same types, in tests."""

    def __init__(self, declared: Sequence[Resource], doubles: Mapping[type, Any]) -> None:
        self._declared = declared
        self._doubles = doubles
        refuse_unknown("a test double", {kind.__name__: kind for kind in doubles}, {each.gives for each in declared})

    def check_against(self, own: frozenset[type], parts: Parts) -> Provided:
        """What the process will hold: its own kinds and the resources.

        Raises `NotProvided` if a resource asks for something later than itself, or anything declared for something
        that is not there at all; TypeError if two resources give the same type.
        """
        kinds = set(own)
        for each in self._declared:
            refuse_unknown(f"resource {each.name}", each.asks, kinds, "does not provide before it")
            if each.gives in kinds:
                raise TypeError(f"resource {each.name} gives a {each.gives.__name__}, which this process has already")
            kinds.add(each.gives)
        provided = Provided(kinds)
        for endpoint in [*parts.endpoints, *parts.raw_endpoints]:
            provided.check(endpoint.call, endpoint.asks)
        for consumer in parts.consumers:
            provided.check(f"consumer {consumer.call_name}", {**consumer.asks, **consumer.relevant_asks})
        for job in parts.jobs:
            provided.check(f"job {job.name}", job.asks)
        for worker in parts.workers:
            provided.check(worker.who, worker.asks)
        for servicer in parts.servicers:
            provided.check(servicer.name, servicer.asks)
        for target in parts.vacuum_targets:
            provided.check(f"vacuum target {target.__qualname__}", asks_of(target))
        return provided

    async def start(self, provided: Provided, metrics: Metrics, health: PartsHealth, to_stop: ToStop) -> None:
        """Start them in declared order, and register each with `to_stop`. `ResourceFailed` if one does not start."""
        for each in self._declared:
            metrics.include(each.metrics)
            thing = self._doubles.get(each.gives)
            if thing is None:
                thing = await _enter(each, provided, to_stop)
            provided.add(each.gives, thing)
            if each.health is not None:
                health.add(each.name, partial(each.health, thing))


async def _enter(declared: Resource, provided: Provided, to_stop: ToStop) -> Any:
    """What a resource gives, and its end put in line."""
    manager = declared.open(**provided.arguments(f"resource {declared.name}", declared.asks))
    try:
        thing = await manager.__aenter__()
    except NotProvided:
        raise
    except Exception as failure:
        raise ResourceFailed(f"{declared.name} did not start: {str(failure) or type(failure).__name__}") from failure

    async def leave() -> None:
        try:
            await manager.__aexit__(None, None, None)
        except Exception:
            # The other parts are still to be stopped.
            log.exception("a resource failed to stop", what=declared.name)

    to_stop(declared.name, leave)
    return thing
