"""A service as a value: its name, its features and what they declare. It has no behaviour; `app.py` runs it.

A feature is a package below the service's, whose modules have fixed names: `handlers` declares `endpoints`,
`store` declares entities and work queues, `consumers` declares `consumers`, `jobs` declares `jobs`, `work` declares
`workers`, `rpc` declares `servicers`, `vacuum_targets` declares `vacuum_targets`. Each is optional.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from msgspec import field

from chassis.endpoint import Endpoint, RawEndpoint
from chassis.entity import Entity, Excerpt
from chassis.errors import Dialect
from chassis.event import EventType
from chassis.frozen import Frozen
from chassis.resource import Resource
from chassis.shard_keys import shard_keys
from chassis.static import StaticFolder

FEATURE_MODULES = ("store", "events", "handlers", "consumers", "jobs", "work", "rpc", "vacuum_targets")


class Service(Frozen):
    """One service, as a list of its parts.

    name         what it is called in paths, topics and databases
    settings     the struct its environment fills
    package      where its features lie, `services.ics`
    features     the names of its feature packages
    title        what documents call it: a few words
    description  what it does, in a sentence or two, for its documents
    roles        every role word it declares -> what it lets one do
    synonyms     role word -> declared roles it stands for
    envelope     the answer envelope: standard, or VisualGrid's own
    dialect      the vocabulary of error tags
    reasons      words of error codes that it spells otherwise than the other services
    gated        whether a maintenance window closes it (not OPS)
    folders      static files it shows to browsers
    resources    what the process owns beside its database and bus, in the order in which they start

    A resource is declared with `chassis.resource.resource`. It asks by type for settings, clock, units and earlier
    resources, and is itself found by type: a parameter `store: ObjectStore` of an endpoint, a job, a consumer of
    `Units`, a servicer, a vacuum target or a later resource is given it. The handler of a View or Change asks in its
    `prepare` step. Resources start before, and stop after, everything that uses them; their health is part of
    readiness. A type that nothing provides stops the start, as does a resource that fails to start.
    """

    name: str
    settings: type
    package: str
    features: Sequence[str]
    roles: Mapping[str, str]
    title: str = ""
    description: str = ""
    synonyms: Mapping[str, Sequence[str]] = {}
    envelope: str = "standard"
    dialect: Dialect = "standard"
    reasons: Mapping[str, str] = {}
    gated: bool = True
    folders: Sequence[StaticFolder] = ()
    resources: Sequence[Resource] = ()


class Parts(Frozen):
    """What a service's features declare, collected."""

    endpoints: list[Endpoint]
    entities: list[Entity[Any]]
    events: list[EventType]
    consumers: list[Any]
    jobs: list[Any]
    servicers: list[Any]
    workers: list[Any] = field(default_factory=list)
    vacuum_targets: list[Any] = field(default_factory=list)
    raw_endpoints: list[RawEndpoint] = field(default_factory=list)


def collect(service: Service) -> Parts:
    """Import every feature and collect its declarations. Raises TypeError if two of them contradict each other."""
    parts = Parts(endpoints=[], entities=[], events=[], consumers=[], jobs=[], servicers=[])
    for feature in service.features:
        for word in FEATURE_MODULES:
            name = f"{service.package}.{feature}.{word}"
            if find_spec(name) is None:
                continue
            module = import_module(name)
            parts.entities.extend(_own_entities(module, parts.entities))
            parts.events.extend(getattr(module, "EVENTS", ()))
            if (endpoints := getattr(module, "endpoints", None)) is not None:
                parts.endpoints.extend(endpoints.declared)
                parts.raw_endpoints.extend(endpoints.raw_declared)
            if (consumers := getattr(module, "consumers", None)) is not None:
                parts.consumers.extend(consumers.declared)
            if (jobs := getattr(module, "jobs", None)) is not None:
                parts.jobs.extend(jobs.declared)
            if (workers := getattr(module, "workers", None)) is not None:
                parts.workers.extend(workers.declared)
            parts.servicers.extend(getattr(module, "servicers", ()))
            parts.vacuum_targets.extend(getattr(module, "vacuum_targets", ()))
    _check(service, parts)
    return parts


def _own_entities(module: Any, known: Sequence[Entity[Any]]) -> list[Entity[Any]]:
    found = [value for value in vars(module).values() if isinstance(value, Entity) and not isinstance(value, Excerpt)]
    return [entity for entity in found if entity not in known]


def _check(service: Service, parts: Parts) -> None:
    types = {event.type for event in parts.events}
    calls: set[tuple[str, str, str]] = set()
    for endpoint in [*parts.endpoints, *parts.raw_endpoints]:
        place = (endpoint.method, endpoint.path, endpoint.action)
        if place in calls:
            raise TypeError(f"{' '.join(place).strip()} is declared twice")
        calls.add(place)
        unknown = set(endpoint.roles) - set(service.roles) - {"authenticated", "signed_in"}
        if unknown:
            raise TypeError(f"{endpoint.call} names roles that {service.name} does not declare: {sorted(unknown)}")
        missing = set(endpoint.emits) - types
        if missing:
            raise TypeError(f"{endpoint.call} emits events that are not declared: {sorted(missing)}")
    shard_keys(parts.entities)
