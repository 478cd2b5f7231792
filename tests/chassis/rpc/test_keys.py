import msgspec
import pytest

from chassis.clock import Utc
from chassis.entity import Entity, Record
from chassis.event import EventDocument
from chassis.pattern import Pattern
from chassis.rpc.graph.history import changes, items_to_proto, state_in
from chassis.rpc.graph.keys import EntityKeys
from chassis.rpc.graph.schema import word_of
from chassis.values import Code, Guid, Id, Money, Qty, Text


class Thing(Record):
    thing_id: Id
    facility: Guid
    line: int
    lot: Text | None = None


THINGS = Entity(
    "thing",
    Thing,
    collection="things",
    id="thing_id",
    keys=("ORG#{orgcode}#FACILITY#{facility}", "THING#{thing_id}#{line}"),
    lookups={1: ("LOT#{lot}", "THING#{thing_id}")},
)
KEYS = EntityKeys(THINGS)
A = Thing(orgcode="ACME", thing_id="019ca945-2940-71fc-b357-f17998b6d9a7", facility="f-1", line=3)


def test_keys_are_made_of_fields_and_fields_of_keys() -> None:
    keys = KEYS.of(A)
    assert keys == {"PK": "ORG#ACME#FACILITY#f-1", "SK": f"THING#{A.thing_id}#3"}
    assert KEYS.fields_of(keys["PK"], keys["SK"]) == {
        "orgcode": "ACME",
        "facility": "f-1",
        "thing_id": A.thing_id,
        "line": 3,
    }


def test_a_lookup_is_there_only_where_its_fields_are() -> None:
    with_lot = msgspec.structs.replace(A, lot="L#1")
    assert KEYS.of(with_lot)["GSI1PK"] == "LOT#L#1"
    assert KEYS.partitions_of("LOT#L#1") == [{"lot": "L#1"}]
    assert KEYS.names == ["PK", "SK", "GSI1PK", "GSI1SK"]


@pytest.mark.parametrize(
    ("pk", "sk"),
    [("", ""), ("ORG#ACME", f"THING#{A.thing_id}#3"), ("ORG#ACME#FACILITY#f-1", f"THING#{A.thing_id}#x")],
)
def test_keys_of_something_else_are_not_taken(pk: str, sk: str) -> None:
    assert KEYS.fields_of(pk, sk) is None


def test_a_pattern_is_not_fooled_by_its_own_signs() -> None:
    assert Pattern("A.{x}").parse("Ab1") is None
    assert Pattern("STACK").parse("STACK") == {}


def test_types_have_the_contracts_words() -> None:
    assert [word_of(hint) for hint in (Id, Guid | None, Code, Qty, int, bool, list[Guid], Money, dict[str, int])] == [
        "id",
        "guid",
        "code",
        "qty",
        "int",
        "bool",
        "list(guid)",
        "Money",
        "map",
    ]


def an_event(number: int, body: dict[str, object], event_type: str = "ics.thing.changed") -> EventDocument:
    return EventDocument(
        event_id=f"e-{number}",
        orgcode="ACME",
        type=event_type,
        subject=A.thing_id,
        source="ics",
        at_utc=Utc("2026-03-01T12:00:00.000Z"),
        actor="ann",
        revision=number,
        cccode=None,
        traceparent=None,
        reason=None,
        touched=[],
        body=msgspec.json.encode(body).decode(),
        shard=0,
        pending=False,
        published=True,
    )


def told(number: int, line: int) -> EventDocument:
    return an_event(number, {"actor": "ann", "thing": {"thing_id": A.thing_id, "line": line, "revision": number}})


def test_each_event_is_held_against_the_nearest_older_one_that_tells_the_record() -> None:
    silent = an_event(3, {"orgcode": "ACME", "other": {"other_id": "o"}})
    items = items_to_proto(THINGS, A.thing_id, [told(4, 9), silent, told(2, 7)], told(1, 5))
    assert [[(c.field, c.before, c.after) for c in item.changed] for item in items] == [
        [("line", "7", "9")],
        [],
        [("line", "5", "7")],
    ]


def test_a_record_begins_with_nothing_and_ends_with_nothing() -> None:
    gone = an_event(2, {"thing": {"thing_id": A.thing_id, "line": 5}, "deleted": True})
    items = items_to_proto(THINGS, A.thing_id, [gone, told(1, 5)], None)
    assert [(c.field, c.after) for c in items[0].changed] == [("thing_id", ""), ("line", "")]
    assert [(c.field, c.before) for c in items[1].changed] == [("thing_id", ""), ("line", "")]
    assert state_in(THINGS, "another", told(1, 5)) is None


def test_what_every_change_changes_is_no_change() -> None:
    assert changes({"revision": 1, "a": 1}, {"revision": 2, "a": 1}) == []
