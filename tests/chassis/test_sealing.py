import io
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import SystemClock
from chassis.entity import Entity, Record
from chassis.event import EventDocument
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.rewrap import declare_rewrap
from chassis.key_ring import KeyRing
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.rewrap import rewrap
from chassis.mongo.table import Table
from chassis.mongo.unit import MongoUnits
from chassis.sealed import Sealed, to_shown
from chassis.sealing import Sealer, SealError
from chassis.telemetry import log as logs
from chassis.unit import Change, View
from tests.chassis.data_given import a_call, opened

FIRST, SECOND = ("k1", b"1" * 32), ("k2", b"2" * 32)
OLD = Sealer(KeyRing(dict([FIRST])))
BOTH = Sealer(KeyRing(dict([SECOND, FIRST])))
NEW = Sealer(KeyRing(dict([SECOND])))
TOKEN = "shpat_0123456789abcdef"


class Login(Record):
    """What is needed to enter a shop."""

    login_id: str
    shop: str = "a.example"
    token: Sealed
    spare: Sealed | None = None


LOGINS = Entity("login", Login, collection="logins", id="login_id", keys=("ORG#{orgcode}", "LOGIN#{login_id}"))
OTHERS = Entity("other", Login, collection="logins", id="login_id")


def a_login(**given: Any) -> Login:
    return Login(**{"login_id": "l1", "orgcode": "ACME", "token": Sealed.of(TOKEN), **given})


@given(st.text())
def test_what_is_sealed_opens_again_and_shows_nothing(secret: str) -> None:
    record = OLD.sealed(LOGINS, a_login(token=Sealed.of(secret)))

    assert OLD.open(LOGINS, record, "token") == secret
    assert record.token.secret is None
    assert len(secret) < 4 or secret not in record.token.text


def test_two_seals_of_one_secret_differ() -> None:
    first, second = OLD.sealed(LOGINS, a_login()), OLD.sealed(LOGINS, a_login())
    assert not set(first.token.text.split(".")[2:]) & set(second.token.text.split(".")[2:])


@pytest.mark.parametrize(
    "moved",
    [
        (LOGINS, {"orgcode": "OTHR"}, "token"),
        (LOGINS, {"login_id": "l2"}, "token"),
        (OTHERS, {}, "token"),
        (LOGINS, {}, "spare"),
    ],
    ids=["org", "id", "entity", "field"],
)
def test_a_secret_that_was_copied_elsewhere_does_not_open(moved: tuple[Entity[Login], dict[str, str], str]) -> None:
    entity, changes, field = moved
    record = OLD.sealed(LOGINS, a_login())
    copied = replace(record, spare=record.token, **changes)
    with pytest.raises(SealError):
        OLD.open(entity, copied, field)


@given(st.data())
def test_an_altered_text_does_not_open(data: st.DataObject) -> None:
    text = SEALED_TEXT
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from("AZaz09-_.!"))
    altered = text[:place] + sign + text[place + 1 :]
    # The last character of base64 has bits that mean nothing.
    if sign == text[place] or place in ENDS:
        return
    with pytest.raises(SealError):
        OLD.open(LOGINS, a_login(token=Sealed(text=altered)), "token")


SEALED_TEXT = OLD.sealed(LOGINS, a_login()).token.text
ENDS = {len(SEALED_TEXT) - 1, SEALED_TEXT.rindex(".") - 1}


def test_keys_are_exchanged_and_the_secret_stays() -> None:
    record = OLD.sealed(LOGINS, a_login())
    anew = BOTH.rewrapped(LOGINS, record, "token")

    assert anew is not None
    moved = replace(record, token=Sealed(text=anew))
    assert anew.split(".")[1] == "k2"
    assert anew.split(".")[3] == record.token.text.split(".")[3]
    assert BOTH.open(LOGINS, record, "token") == NEW.open(LOGINS, moved, "token") == TOKEN
    assert BOTH.rewrapped(LOGINS, moved, "token") is None
    assert BOTH.rewrapped(LOGINS, moved, "spare") is None
    with pytest.raises(SealError, match="hold no key k1"):
        NEW.open(LOGINS, record, "token")
    with pytest.raises(LookupError):
        Sealer(KeyRing()).sealed(LOGINS, a_login())


def test_a_secret_is_nowhere_to_be_seen() -> None:
    record = a_login()
    out = io.StringIO()
    logs.configure("info", service="shop", replica="r", build="b", out=out)
    try:
        logs.get_logger("test").info("a login", login=record, token=record.token, other=[{"x": record.token}])
    finally:
        logs.configure("info", service="shop", replica="r", build="b")

    assert TOKEN not in out.getvalue()
    assert json.loads(out.getvalue())["login"]["token"] == "…" or "<sealed>" in out.getvalue()
    assert TOKEN not in repr(record)
    assert f"{record.token}" == "<sealed>"
    assert msgspec.to_builtins(record, enc_hook=to_shown)["token"] == "<sealed>"
    for encode in (msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(TypeError):
            encode(record)
    with pytest.raises(TypeError, match="before it is sealed"):
        LOGINS.to_document(record)


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    async with opened(mongodb_uri, database_name, sealer=OLD) as units:
        yield units


async def kept(units: MongoUnits, record_id: str = "l1") -> Login:
    async def look(view: View) -> Login:
        return await view.load(LOGINS, record_id)

    return await units.view(a_call(), look)


async def keep(units: MongoUnits, **given: Any) -> Login:
    async def make(change: Change) -> Login:
        record = await change.insert(LOGINS, Login(**{"login_id": "l1", "token": Sealed.of(TOKEN), **given}))
        change.emit("login.created", record.login_id, login=record)
        return record

    return await units.change(a_call(), make)


async def test_a_record_is_stored_sealed_and_opened_only_when_asked(units: MongoUnits) -> None:
    made = await keep(units)
    [document] = await units.database.collection("logins").find({})
    found = await kept(units)

    assert document["token"].startswith("s1.k1.")
    assert document["spare"] is None
    assert TOKEN not in json.dumps(document)
    assert made == found
    assert OLD.open(LOGINS, found, "token") == TOKEN


async def test_a_change_of_something_else_leaves_the_secret_as_it_was(units: MongoUnits) -> None:
    before = await keep(units)

    async def move(change: Change) -> Login:
        record = await change.load(LOGINS, "l1")
        return await change.update(LOGINS, replace(record, shop="b.example", spare=Sealed.of("second")))

    await units.change(a_call(), move)
    after = await kept(units)

    assert after.token == before.token
    assert after.spare is not None
    assert OLD.open(LOGINS, after, "spare") == "second"


async def test_events_and_history_say_nothing_of_it(units: MongoUnits) -> None:
    await keep(units)

    async def touch(change: Change) -> None:
        await change.update(LOGINS, replace(await change.load(LOGINS, "l1"), token=Sealed.of("another secret")))

    await units.change(a_call(), touch)
    table: Table[EventDocument] = Table(EVENTS)
    events = [table.decode(each) for each in await units.database.collection("events").find({}, sort=[("_id", 1)])]

    assert [event.type for event in events] == ["login.created", "things.login.recorded"]
    for event in events:
        body = json.loads(event.body)
        assert "token" not in body["login"]
        assert not {"s1.", TOKEN, "another"} & {part for part in ("s1.", TOKEN, "another") if part in event.body}


async def test_a_rewrap_moves_all_secrets_and_no_revision(units: MongoUnits) -> None:
    for n in range(3):
        await keep(units, login_id=f"l{n}", spare=Sealed.of(f"spare {n}") if n else None)
    strange = {"_id": "l9", "orgcode": "ACME", "token": "s1.k0.AAAA.AAAA", "shop": "x", "spare": None}
    await units.database.collection("logins").insert_many([strange])
    events = await units.database.collection("events").count({})

    first = await rewrap(units.database, BOTH, [LOGINS])
    again = await rewrap(units.database, BOTH, [LOGINS])

    assert (first.moved, first.unopened) == (5, 1)
    assert (again.moved, again.unopened) == (0, 1)
    record = await kept(units, "l2")
    assert (NEW.open(LOGINS, record, "token"), NEW.open(LOGINS, record, "spare")) == (TOKEN, "spare 2")
    assert record.revision == 1
    assert await units.database.collection("events").count({}) == events


async def test_an_operator_can_run_it_as_a_job(units: MongoUnits) -> None:
    await keep(units)
    jobs = Jobs("shop")
    declare_rewrap(jobs, LOGINS)
    [job] = jobs.declared
    call: Call = a_call()

    assert (job.name, job.seconds, set(job.asks)) == ("rewrap-sealed", None, {"database", "sealer"})
    answer = await job.handler(units, call, NoParams(), database=units.database, sealer=BOTH)
    assert answer.moved == 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="nothing is sealed"):
        declare_rewrap(jobs)
    assert SystemClock().now() > call.started_utc
