"""Which orgs have an open channel: one reading serves all events that arrived before it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from chassis.caller import SYSTEM, Call
from chassis.clock import SystemClock
from chassis.consumer import Event
from services.slc.channel import selling
from services.slc.channel.selling import SellingOrgs


class Readings:
    """Stands for the database; counts the readings."""

    def __init__(self) -> None:
        self.open = False
        self.count = 0
        self.begun = asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def view(self, call: Call, handler: Callable[..., Awaitable[Any]]) -> bool:
        self.count += 1
        self.begun.set()
        found = self.open
        await self.released.wait()
        return found


def an_event(orgcode: str = "ACME") -> Event:
    """An event that arrives now."""
    now = SystemClock().now()
    return Event(
        event_id="e",
        type="ics.stock.changed",
        subject="s",
        source="test",
        at_utc=now,
        orgcode=orgcode,
        actor="a",
        revision=1,
        traceparent=None,
        raw=b"{}",
        call=Call(caller=SYSTEM, name="test", request_id="r", started_utc=now, traceparent=None),
        arrived=monotonic(),
    )


def orgs(readings: Readings) -> SellingOrgs:
    return SellingOrgs(readings)  # type: ignore[arg-type]


async def test_events_that_arrive_together_share_a_reading() -> None:
    readings = Readings()
    known = orgs(readings)
    answers = await asyncio.gather(*(known.sells(an_event()) for _ in range(100)))
    assert not any(answers)
    assert readings.count == 1

    early = [an_event() for _ in range(100)]
    assert not any(await asyncio.gather(*(known.sells(each) for each in early)))
    assert not await known.sells(early[-1])
    assert readings.count == 2


async def test_a_channel_opened_before_an_event_arrives_is_seen() -> None:
    readings = Readings()
    known = orgs(readings)
    assert not await known.sells(an_event())
    readings.open = True
    assert await known.sells(an_event())


async def test_an_event_that_arrives_while_a_reading_runs_has_one_of_its_own() -> None:
    readings = Readings()
    known = orgs(readings)
    readings.released.clear()
    first = asyncio.create_task(known.sells(an_event()))
    await readings.begun.wait()
    readings.open = True
    second = asyncio.create_task(known.sells(an_event()))
    await asyncio.sleep(0)
    readings.released.set()
    assert [await first, await second] == [False, True]


async def test_an_org_that_sells_is_not_asked_about_for_a_while() -> None:
    readings = Readings()
    readings.open = True
    known = orgs(readings)
    for _ in range(10):
        assert await known.sells(an_event())
    assert readings.count == 1


async def test_no_more_orgs_are_kept_than_the_bound(monkeypatch: Any) -> None:
    monkeypatch.setattr(selling, "ORGS_MAX", 3)
    readings = Readings()
    known = orgs(readings)
    for number in range(10):
        await known.sells(an_event(f"ORG{number}"))
    assert len(known._idle_since) == 3
