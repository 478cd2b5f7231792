"""Records as documents, and what an entity's declaration says of them."""

import pytest

from chassis.entity import Entity, edge, expiring, index, unique
from chassis.mongo.table import Table
from tests.chassis.data_given import FACTS, LEFTS, SEEN, THINGS, Left, Part, Seen, Thing, a_thing


def test_a_record_is_stored_flat_under_its_id_and_comes_back_the_same() -> None:
    thing = a_thing("t1", amount=3, parts=[Part(code="A", count=2)], extra={"a": [1, None, {"b": "c"}]})
    document = THINGS.to_document(thing)

    assert document["_id"] == "t1"
    assert "thing_id" not in document
    assert document["secret"] is None
    assert document["parts"] == [{"code": "A", "count": 2}]
    assert document["folded"] == "here/t1"
    assert THINGS.from_document(document) == thing
    assert Table(THINGS).decode(dict(document)) == thing


def test_a_kind_is_stored_beside_the_record() -> None:
    document = LEFTS.to_document(Left(left_id="l", group="g"))
    assert document["kind"] == "left"
    assert LEFTS.from_document(document) == Left(left_id="l", group="g")


def test_fields_added_later_take_their_defaults_and_unknown_ones_are_left_aside() -> None:
    document = {"_id": "t1", "code": "C", "orgcode": "ACME", "revision": 4, "from_the_future": 1}
    assert THINGS.from_document(document) == Thing(thing_id="t1", code="C", orgcode="ACME", revision=4)


def test_derived_dates_are_dates_in_the_database() -> None:
    assert SEEN.to_document(Seen(seen_id="s", at_utc="2026-03-01T12:00:00.000Z"))["expires"].year == 2050  # type: ignore[arg-type]


def test_indexes_lie_in_the_database_with_org_and_id() -> None:
    entity = Entity(
        "thing",
        Thing,
        collection="things",
        id="thing_id",
        indexes=[
            index("place", "thing_id"),
            index("status"),
            unique("code", refusal="taken", name="code"),
            index("status", every_org=True, name="all"),
            expiring("expires", 60),
        ],
    )
    fields = {which.name: entity.fields_of(which) for which in entity.indexes}
    assert fields == {
        "place_thing_id": ("orgcode", "place", "_id"),
        "status": ("orgcode", "status", "_id"),
        "code": ("orgcode", "code"),
        "all": ("status", "_id"),
        "expires_expires": ("expires",),
    }
    assert entity.index_named("code").refusal == "taken"
    with pytest.raises(KeyError, match="thing declares no index 'none'"):
        entity.index_named("none")


def test_an_entity_says_what_it_is() -> None:
    assert (THINGS.versioned, FACTS.versioned) == (True, False)
    assert THINGS.id_of(a_thing("t9")) == "t9"
    assert (THINGS.label, repr(THINGS)) == ("{thing_id}", "Entity('thing')")
    assert edge("in", to="place", by="place").cardinality == "one"


def test_unique_keys_are_read_off_records_lists_and_conditions_included() -> None:
    uniques = Table(THINGS).uniques
    on, off = a_thing(orgcode="ACME", code="A"), a_thing(orgcode="ACME", code="A", status="off")
    assert uniques["place_code"].keys_of(off) == (("ACME", "here", "A"),)
    assert uniques["folded"].keys_of(on) == (("ACME", "here/a"),)
    assert uniques["folded"].keys_of(off) == ()
    several = Entity("t", Thing, collection="t", id="thing_id", indexes=[unique("parts.code", refusal="", name="p")])
    thing = a_thing(orgcode="ACME", parts=[Part(code="A"), Part(code="B")])
    assert Table(several).uniques["p"].keys_of(thing) == (("ACME", "A"), ("ACME", "B"))
