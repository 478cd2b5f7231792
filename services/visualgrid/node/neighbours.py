"""Reads the neighbours of a record over all services: each service is asked once, all at the same time."""

import asyncio
from collections.abc import Sequence

from chassis.entity import Value
from chassis.errors import Invalid, Unavailable
from chassis.pattern import Pattern
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.domain import Hop
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import Found, found_from_proto
from services.visualgrid.node.position import Position, Turn
from services.visualgrid.node.steps import COUNT_MAX, Step, StepResult, Taken, hubs_at, is_hub, steps_of, take

BYTES_MAX = 4 * 1024 * 1024
HOPS_MAX = 64
"""Hops in one question to a service."""

Answer = Sequence[StepResult | None]


class NeighbourPage(Value):
    """One page: records with the steps that found them, where the next begins, and the results of the steps asked."""

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
    turns = position.turns(len(steps))
    ahead = [steps[turn.at] for turn in turns]
    results = await ask_steps(reader, found.orgcode, ahead, turns, limit, counts=counts)
    taken = take(ahead, results, limit, BYTES_MAX)
    rest = await _rest(reader, found.orgcode, ahead, turns, taken)
    passed = turns[: len(turns) - len(rest)]
    missed = [turn for turn, result in zip(passed, results, strict=False) if result is None]
    return NeighbourPage(items=taken.items, following=position.behind(rest, missed), steps=ahead, results=results)


async def ask_steps(
    reader: SourceReader, orgcode: str, steps: Sequence[Step], turns: Sequence[Turn], limit: int, *, counts: bool
) -> Answer:
    """The results of steps, each begun where its turn says, in order; None where the service is down."""
    results: list[StepResult | None] = [None] * len(steps)
    asked: dict[str, list[int]] = {}
    for place, (step, turn) in enumerate(zip(steps, turns, strict=True)):
        if is_hub(step):
            hubs = hubs_at(step, orgcode)
            results[place] = StepResult(items=hubs[turn.skip :], count=min(COUNT_MAX, len(hubs)))
        elif not step.values:
            results[place] = StepResult(items=(), count=0)
        else:
            asked.setdefault(step.service, []).append(place)

    async def one(service: str, places: Sequence[int]) -> None:
        hops = [_hop(steps[place], turns[place]) for place in places]
        request = pb.ListNeighboursRequest(orgcode=orgcode, hops=hops, limit=limit, counts=counts)
        try:
            answer = await _neighbours(reader, service, request)
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


async def _neighbours(reader: SourceReader, service: str, request: pb.ListNeighboursRequest) -> pb.Neighbours:
    try:
        return await reader.ask(service, lambda stub, options: stub.ListNeighbours(request, **options))
    except Invalid:
        if not any(hop.HasField("next_token") for hop in request.hops):
            raise
    # Our own token was valid, so the record names others than it did at the page before: those are listed anew.
    for hop in request.hops:
        hop.ClearField("next_token")
    return await reader.ask(service, lambda stub, options: stub.ListNeighbours(request, **options))


def _hop(step: Step, turn: Turn) -> pb.Hop:
    return pb.Hop(entities=[step.hop.far.name], field=step.field, values=step.values, next_token=turn.token)


def _from_proto(service: str, result: pb.HopResult) -> StepResult:
    token = result.next_token if result.HasField("next_token") else None
    return StepResult(
        items=[found_from_proto(service, record) for record in result.items],
        token=token,
        complete=result.reached and token is None,
        count=result.count if result.HasField("count") else None,
    )


async def _rest(
    reader: SourceReader, orgcode: str, steps: Sequence[Step], turns: Sequence[Turn], taken: Taken
) -> Sequence[Turn]:
    """The turns of the pages after this one. A page that ends within a step's records asks for the token there."""
    if taken.at is None:
        return ()
    step, turn, others = steps[taken.at], turns[taken.at], turns[taken.at + 1 :]
    if is_hub(step):
        return [Turn(at=turn.at, skip=turn.skip + taken.kept), *others]
    if taken.kept == 0:
        return [Turn(at=turn.at, token=taken.token or turn.token), *others]
    (result,) = await ask_steps(reader, orgcode, [step], [turn], taken.kept, counts=False)
    shown = taken.items[-1][1].ref
    if result is None or not result.items or result.items[-1].ref != shown:
        # What was inserted or deleted meanwhile has moved the place: some may be shown twice, and none is lost.
        return [turn, *others]
    return [Turn(at=turn.at, token=result.token), *others] if result.token else others
