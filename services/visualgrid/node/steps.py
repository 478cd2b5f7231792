"""The neighbours of a record as steps: what to ask which service for each edge, and how answers become a page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chassis.entity import Value
from services.visualgrid.graph.domain import Hop
from services.visualgrid.graph.hubs import HUB_SERVICE, HUBS
from services.visualgrid.node.domain import Found, hub_found

COUNT_MAX = 257
VALUES_MAX = 1000
"""Values in one question."""

Values = Callable[[str, Mapping[str, Any]], Sequence[str]]
"""The values that a pattern makes of a record's properties."""


class Step(Value):
    """One question of one hop; a hop with very many values takes several.

    place   which of the record's hops it is
    field   the field asked for, empty for the id
    values  what it must be, for a hub these are the hubs; none: nothing lies at the end
    """

    place: int
    hop: Hop
    field: str
    values: Sequence[str]

    @property
    def service(self) -> str:
        """The service that answers, or `stack`."""
        return self.hop.far.service


def steps_of(found: Found, hops: Sequence[Hop], values: Values) -> list[Step]:
    """The steps to the neighbours of a record: one for each hop, so that they stay the same while records change."""
    properties = found.properties()
    steps = []
    for place, hop in enumerate(hops):
        if hop.direction == "out":
            field, wanted = hop.edge.to_field, values(hop.edge.value_pattern, properties)
        else:
            field, wanted = hop.edge.from_field, _back(hop, found, properties)
        distinct = list(dict.fromkeys(wanted))
        parts = (distinct[start : start + VALUES_MAX] for start in range(0, len(distinct) or 1, VALUES_MAX))
        steps += [Step(place=place, hop=hop, field=field, values=part) for part in parts]
    return steps


def _back(hop: Hop, found: Found, properties: Mapping[str, Any]) -> Sequence[str]:
    """The value by which the records at the start of an inward edge name this one."""
    if not hop.edge.to_field:
        return (found.id,)
    value = properties.get(hop.edge.to_field)
    return () if value is None else (str(value),)


def hubs_at(step: Step, orgcode: str) -> list[Found]:
    """The hubs that a step leads to. They exist, because the record names them."""
    hub = HUBS[step.hop.far.name]
    return [hub_found(hub, orgcode, value) for value in step.values]


class StepResult(Value):
    """What one step found: its records so far, and the token with which it goes on.

    complete  whether there are no further ones
    count     how many there are altogether, if asked for
    """

    items: Sequence[Found]
    token: str | None = None
    complete: bool = True
    count: int | None = None


class Taken(Value):
    """The part of the results that makes a page.

    items   the records, with the step that found each
    at      the step to continue with; None after the last
    kept    how many records of that step are on this page already
    token   where that step continues; None: at its beginning, or after the `kept` ones
    """

    items: Sequence[tuple[Step, Found]]
    at: int | None
    kept: int = 0
    token: str | None = None


def take(steps: Sequence[Step], results: Sequence[StepResult | None], limit: int, bytes_max: int) -> Taken:
    """The first `limit` records and `bytes_max` bytes of the steps' results, in order; None is a step left out.

    It ends early behind a step that is not complete, and never before the first record.
    """
    items: list[tuple[Step, Found]] = []
    size = 0
    for at, (step, result) in enumerate(zip(steps, results, strict=True)):
        if result is None:
            continue
        for kept, found in enumerate(result.items):
            if len(items) == limit or (items and size + found.bytes > bytes_max):
                return Taken(items=items, at=at, kept=kept)
            items.append((step, found))
            size += found.bytes
        if not result.complete:
            return Taken(items=items, at=at, token=result.token)
    return Taken(items=items, at=None)


def counts_of(steps: Iterable[Step], results: Iterable[StepResult | None]) -> dict[int, int]:
    """The count of each hop, by its place, stopped at `COUNT_MAX`. A hop whose service is down is left out."""
    counts: dict[int, int] = {}
    for step, result in zip(steps, results, strict=True):
        if result is not None:
            counts[step.place] = min(COUNT_MAX, counts.get(step.place, 0) + (result.count or 0))
    return counts


def is_hub(step: Step) -> bool:
    """Whether a step leads to hubs, which are made here and asked of nobody."""
    return step.service == HUB_SERVICE
