"""Reads the neighbours of a record over all services: each service is asked once, all at the same time."""

import asyncio
from collections.abc import Sequence

from chassis.entity import Value
from chassis.errors import Unavailable
from chassis.pattern import Pattern
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.domain import Hop
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import Found, found_from_proto
from services.visualgrid.node.steps import COUNT_MAX, Step, StepResult, Taken, hubs_at, is_hub, steps_of, take

BYTES_MAX = 4 * 1024 * 1024
HOPS_MAX = 64
"""Hops in one question to a service."""

Answer = Sequence[StepResult | None]


class Position(Value):
    """Where a page of neighbours begins: a step, and its token or, among hubs, how many were shown."""

    at: int = 0
    token: str | None = None
    skip: int = 0


class NeighbourPage(Value):
    """One page: records with the steps that found them, where the next begins, and the results behind it."""

    items: Sequence[tuple[Step, Found]]
    following: Position | None
    steps: Sequence[Step]
    results: Answer


def steps_from(found: Found, hops: Sequence[Hop]) -> list[Step]:
    """The steps to the neighbours of a record by these hops."""
    return steps_of(found, hops, lambda text, properties: Pattern(text).values(properties))


async def read_page(
    reader: SourceReader, found: Found, steps: Sequence[Step], position: Position, limit: int, *, counts: bool
) -> NeighbourPage:
    """The page that begins at a position. Services that are down are left out; `reader` names them."""
    ahead = steps[position.at :]
    results = await ask_steps(reader, found.orgcode, ahead, position, limit, counts=counts)
    taken = take(ahead, results, limit, BYTES_MAX)
    following = await _following(reader, found.orgcode, ahead, position, taken)
    return NeighbourPage(items=taken.items, following=following, steps=ahead, results=results)


async def ask_steps(
    reader: SourceReader, orgcode: str, steps: Sequence[Step], position: Position, limit: int, *, counts: bool
) -> Answer:
    """The results of steps, in order; None where the service is down."""
    results: list[StepResult | None] = [None] * len(steps)
    asked: dict[str, list[int]] = {}
    for place, step in enumerate(steps):
        if is_hub(step):
            hubs = hubs_at(step, orgcode)
            shown = hubs[position.skip if place == 0 else 0 :]
            results[place] = StepResult(items=shown, count=min(COUNT_MAX, len(hubs)))
        else:
            asked.setdefault(step.service, []).append(place)

    async def one(service: str, places: Sequence[int]) -> None:
        token = position.token if places[0] == 0 else None
        request = _request(orgcode, [steps[place] for place in places], token, limit, counts=counts)
        try:
            answer = await reader.ask(service, lambda stub, options: stub.ListNeighbours(request, **options))
        except Unavailable:
            return
        for place, result in zip(places, answer.results, strict=True):
            results[place] = _from_proto(service, result)

    parts = [
        (service, places[start : start + HOPS_MAX])
        for service, places in asked.items()
        for start in range(0, len(places), HOPS_MAX)
    ]
    await asyncio.gather(*(one(*part) for part in parts))
    return results


def _request(
    orgcode: str, steps: Sequence[Step], token: str | None, limit: int, *, counts: bool
) -> pb.ListNeighboursRequest:
    hops = [pb.Hop(entities=[step.hop.far.name], field=step.field, values=step.values) for step in steps]
    if token is not None:
        hops[0].next_token = token
    return pb.ListNeighboursRequest(orgcode=orgcode, hops=hops, limit=limit, counts=counts)


def _from_proto(service: str, result: pb.HopResult) -> StepResult:
    token = result.next_token if result.HasField("next_token") else None
    return StepResult(
        items=[found_from_proto(service, record) for record in result.items],
        token=token,
        complete=result.reached and token is None,
        count=result.count if result.HasField("count") else None,
    )


async def _following(
    reader: SourceReader, orgcode: str, steps: Sequence[Step], position: Position, taken: Taken
) -> Position | None:
    """Where the page after this one begins. A page that ends within a step's records asks for the token there."""
    if taken.at is None:
        return None
    step, at = steps[taken.at], position.at + taken.at
    first = taken.at == 0
    if is_hub(step):
        return Position(at=at, skip=taken.kept + (position.skip if first else 0))
    before = position.token if first else None
    if taken.kept == 0:
        return Position(at=at, token=taken.token or before)
    again = Position(at=at, token=before)
    (result,) = await ask_steps(reader, orgcode, [step], again, taken.kept, counts=False)
    if result is None or (result.token is None and not result.complete):
        return Position(at=at, token=before)
    return Position(at=at, token=result.token) if result.token else _next_step(steps, position.at, taken.at)


def _next_step(steps: Sequence[Step], offset: int, at: int) -> Position | None:
    return Position(at=offset + at + 1) if at + 1 < len(steps) else None
