"""Records, calls and databases for the tests of the data engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import field
from msgspec.structs import replace

from chassis.caller import Call, Caller
from chassis.clock import Clock, FixedClock, SystemClock, Utc
from chassis.entity import Document, Entity, Record, Value, expiring, index, unique
from chassis.event import EventDocument
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.table import Table
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from chassis.values import Map

NOON = Utc("2026-03-01T12:00:00.000Z")


class Part(Value):
    """A part of a thing."""

    code: str
    count: int = 0


class Thing(Record):
    """A record with everything on it."""

    thing_id: str
    code: str
    place: str = "here"
    amount: int = 0
    status: str = "on"
    parts: list[Part] = field(default_factory=list)
    extra: Map = field(default_factory=dict)
    secret: str | None = None


class Fact(Document):
    """Something that happened, never changed."""

    fact_id: str
    orgcode: str = ""
    about: str
    number: int
    recorded_utc: Utc


class Seen(Document):
    """A technical record."""

    seen_id: str
    at_utc: Utc


class Left(Record):
    """One of two kinds in one collection."""

    left_id: str
    group: str
    left: int = 0


class Right(Record):
    """The other."""

    right_id: str
    group: str
    right: int = 0


THINGS: Entity[Thing] = Entity(
    "thing",
    Thing,
    collection="things",
    id="thing_id",
    indexes=[
        unique("place", "code", refusal="the code is taken in this place"),
        unique("folded", refusal="the name is taken", where={"status": "on"}),
        index("place", "status", "amount"),
        index("status", "thing_id"),
        index("parts.code", "amount"),
        index("status", "amount", name="sweep", every_org=True),
    ],
    derived={"folded": lambda thing: f"{thing.place}/{thing.code.casefold()}"},
    sealed=["secret"],
)
FACTS: Entity[Fact] = Entity(
    "fact", Fact, collection="facts", id="fact_id", indexes=[index("about", "number")], history=False
)
SEEN: Entity[Seen] = Entity(
    "seen",
    Seen,
    collection="seen",
    id="seen_id",
    indexes=[expiring("expires", 60)],
    derived={"expires": lambda _: datetime(2050, 1, 1, tzinfo=UTC)},
    org_scoped=False,
    history=False,
    technical=True,
)
LEFTS: Entity[Left] = Entity(
    "left", Left, collection="sides", id="left_id", kind="left", indexes=[index("group", name="group")]
)
RIGHTS: Entity[Right] = Entity(
    "right", Right, collection="sides", id="right_id", kind="right", indexes=[index("group", name="group")]
)
ENTITIES: list[Entity[Any]] = [THINGS, FACTS, SEEN, LEFTS, RIGHTS]


def a_call(org: str | None = "ACME", actor: str = "ann", **context: Any) -> Call:
    """A call of somebody in an org."""
    caller = Caller(kind="user", actor=actor, orgcode=org)
    return Call(caller=caller, name="thing_change", request_id="r-1", started_utc=NOON, **context)


def a_thing(thing_id: str = "t1", **fields: Any) -> Thing:
    """A thing with a code of its own."""
    return Thing(**{"thing_id": thing_id, "code": thing_id.upper(), **fields})


async def keep(units: MongoUnits, *things: Thing, org: str = "ACME") -> None:
    """Keep these things."""

    async def insert(change: Change) -> None:
        for thing in things:
            await change.insert(THINGS, thing)

    await units.change(a_call(org), insert)


async def add(change: Change, thing_id: str, amount: int = 1) -> Thing:
    """Add to a thing's amount."""
    thing = await change.load(THINGS, thing_id)
    return await change.update(THINGS, replace(thing, amount=thing.amount + amount))


async def thing_of(units: MongoUnits, thing_id: str, org: str = "ACME") -> Thing | None:
    """A thing as it is kept."""
    return await units.view(a_call(org), lambda view: view.get(THINGS, thing_id))


async def events_of(database: Database) -> list[EventDocument]:
    """All events, by id."""
    table = Table(EVENTS)
    found = await database.collection("events").find({}, sort=[("_id", 1)])
    return [table.decode(document) for document in found]


@asynccontextmanager
async def opened(
    uri: str,
    name: str,
    driver: Literal["motor", "pymongo"] = "pymongo",
    clock: Clock | None = None,
    **options: Any,
) -> AsyncIterator[MongoUnits]:
    """Units over a database, and their end."""
    database = await Database.connect(uri, name, driver, wait_seconds=options.pop("wait_seconds", 3.0))
    units = MongoUnits(database, ENTITIES, clock or SystemClock(), "things", **options)
    await units.start()
    try:
        yield units
    finally:
        await units.stop()
        await database.close()


def standing(at: Utc = NOON) -> FixedClock:
    """A clock that stands still."""
    return FixedClock(at)
