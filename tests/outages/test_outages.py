"""Things die in the middle of load. Afterwards nothing acknowledged is lost and nothing is done twice."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.outages.customers import Customers
from tests.outages.listener import Listener
from tests.outages.world import World

pytestmark = pytest.mark.outage

CROWD = 8
BEFORE = 120
AFTER = 120


async def _load_through(
    world: World, variants: Sequence[str], outage: Callable[[], None]
) -> tuple[Customers, Listener]:
    """Customers buy, the outage happens in the middle, they go on buying; those left without an answer ask again."""
    name = uuid.uuid4().hex[:8]
    customers = Customers(world.stack["GATEWAY_URL"] + "/ics/reservation/create", world.headers, variants, name)
    async with Listener(world.stack["AMQP_URL"], variants) as listener:
        buying = asyncio.create_task(customers.buy(CROWD))
        await customers.until_held(BEFORE)
        await asyncio.to_thread(outage)
        await customers.until_held(sum(bool(piece.reservation_id) for piece in customers.pieces) + AFTER)
        customers.stop()
        await buying
        await customers.ask_again()
        held = {piece.reservation_id for piece in customers.pieces}
        missing = await listener.until_told_of("ics.reservation.created", held)
    assert not missing, f"{len(missing)} of {len(held)} reservations were never heard of"
    return customers, listener


async def _nothing_lost_nothing_twice(
    world: World, variants: Sequence[str], customers: Customers, listener: Listener
) -> None:
    held = [piece.reservation_id for piece in customers.pieces]
    assert len(set(held)) == len(held), "two customers were given one reservation"

    wanted = Counter(piece.variant_id for piece in customers.pieces)
    for variant in variants:
        buckets = (await world.call("/ics/stock/get", variant_id=variant))["stock"]["buckets"]
        assert buckets["reserved"] == wanted[variant]
        assert buckets["available"] + buckets["reserved"] == 100_000

    report = await asyncio.to_thread(world.audit)
    assert report["differences"] == []

    for subject, told in listener.first_hearings("ics.stock.changed").items():
        numbers = [event.body["seq"] for event in told]
        assert numbers == sorted(numbers), f"{subject} was told of out of order"

    again = await customers.replayed(customers.pieces[:: max(1, len(customers.pieces) // 20)])
    for piece, reservation_id, repeated in again:
        assert repeated, f"{piece.key} was not known any more"
        assert reservation_id == piece.reservation_id


def _killed(world: World, name: str) -> Callable[[], None]:
    def outage() -> None:
        world.kill(name)
        world.start(name)

    return outage


@pytest.mark.parametrize("name", ["ics", "rabbitmq", "mongodb", "gateway"])
async def test_what_is_killed_under_load_loses_nothing_and_repeats_nothing(
    world: World, variants: list[str], name: str
) -> None:
    customers, listener = await _load_through(world, variants, _killed(world, name))

    await _nothing_lost_nothing_twice(world, variants, customers, listener)


@pytest.mark.parametrize("name", ["ics", "gateway"])
async def test_what_is_stopped_in_order_answers_what_it_has_taken(world: World, variants: list[str], name: str) -> None:
    def stop_and_start() -> None:
        world.stop(name)
        world.start(name)

    customers, listener = await _load_through(world, variants, stop_and_start)

    await _nothing_lost_nothing_twice(world, variants, customers, listener)
    cut_off = [told for piece in customers.pieces for told in piece.told if told == "ServerDisconnectedError"]
    assert not cut_off, f"{len(cut_off)} requests in flight were dropped"


async def test_while_ics_is_away_callers_are_told_to_come_back_in_the_envelope(
    world: World, variants: list[str]
) -> None:
    customers, listener = await _load_through(world, variants, _killed(world, "ics"))

    refusals = {told for piece in customers.pieces for told in piece.told}
    assert refusals
    assert all(told.startswith("503 ") for told in refusals), refusals
    await _nothing_lost_nothing_twice(world, variants, customers, listener)


def test_no_log_of_the_stack_holds_a_credential(world: World) -> None:
    secrets = [value for key, value in world.demo.items() if "SESSION" in key or "KEY" in key]
    secrets.append(Path(world.demo["DEMO_SECRET_FILE"]).read_text().strip())
    for name in ("gateway", "ops", "ics", "pmc", "slc", "visualgrid"):
        text = world.log(name).read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], f"{name} logs a credential"
