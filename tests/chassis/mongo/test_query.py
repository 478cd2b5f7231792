"""Which index serves which question, and what is sent to the database for it."""

from typing import Any

import pytest

from chassis.defects import UnservedQuery
from chassis.mongo.index_choice import choose
from chassis.mongo.query import build
from chassis.mongo.query_shapes import Keys, Recorder, Shape, serves, shape_of
from chassis.mongo.table import Table, meets
from chassis.unit import between, one_of
from tests.chassis.data_given import THINGS, a_thing

TABLE = Table(THINGS)


def a_shape(equal: str = "", ranges: str = "", order: str = "", *odd: str) -> Shape:
    """A shape from words; an order's field goes downwards with a minus."""
    sort = tuple((field.removeprefix("-"), -1 if field.startswith("-") else 1) for field in order.split())
    return Shape("c", frozenset(equal.split()), frozenset(ranges.split()), sort, frozenset(odd))


A_B_C = Keys(("a", "b", "c", "_id"))


@pytest.mark.parametrize(
    ("shape", "served"),
    [
        (a_shape("a"), True),
        (a_shape("a b"), True),
        (a_shape("b a"), True),
        (a_shape("a b c _id"), True),
        (a_shape("b"), False),
        (a_shape("a c"), False),
        (a_shape("a b d"), False),
        (a_shape("a", "b"), True),
        (a_shape("a", "c"), False),
        (a_shape("a", "b c"), False),
        (a_shape("", "a"), True),
        (a_shape("a", "", "b"), True),
        (a_shape("a", "", "b c"), True),
        (a_shape("a", "", "-b -c"), True),
        (a_shape("a", "", "b -c"), False),
        (a_shape("a", "", "c"), False),
        (a_shape("a b", "", "c _id"), True),
        (a_shape("a", "b", "b"), True),
        (a_shape("a", "c", "b"), True),
        (a_shape("", "", "a"), True),
        (a_shape("", "", "b"), False),
        (a_shape("a", "", "", "$or"), False),
        (a_shape("a", "", "", "$regex"), False),
    ],
)
def test_an_index_serves_equal_fields_then_the_order_then_one_range(shape: Shape, served: bool) -> None:
    assert serves(A_B_C, shape) is served


def test_a_partial_index_serves_only_who_asks_for_its_condition() -> None:
    keys = Keys(("a", "_id"), where=(("on", True),))
    assert serves(keys, a_shape("a on"))
    assert not serves(keys, a_shape("a"))


def test_a_unique_index_leaves_no_ties_for_the_id_to_break() -> None:
    assert serves(Keys(("a", "b"), unique=True), a_shape("a", "", "b _id"))
    assert not serves(Keys(("a", "b")), a_shape("a", "", "b _id"))


def test_the_shape_of_a_filter_is_read_off_it() -> None:
    where = {"a": 1, "b": {"$in": [1]}, "c": {"$gte": 1, "$lt": 2}, "d": {"$regex": "x"}, "$or": [], "e": {"x": 1}}
    assert shape_of("c", where, [("c", 1)]) == Shape(
        "c", frozenset("abe"), frozenset("c"), (("c", 1),), frozenset({"$or", "$regex"})
    )


def test_the_recorder_tells_what_no_index_serves() -> None:
    recorder = Recorder()
    recorder.declare("c", [A_B_C])
    recorder.note("c", {"a": 1, "b": 2})
    recorder.note("c", {"_id": {"$in": [1]}})
    recorder.note("c", {})
    recorder.note("c", {"b": 2})
    recorder.note("d", {"a": 2})
    assert [(shape.collection, *shape.equal) for shape in recorder.unserved()] == [("c", "b"), ("d", "a")]


def plan(where: dict[str, Any], *order: str) -> tuple[str, ...]:
    """The fields of the index that serves."""
    return choose(TABLE, {"orgcode": "ACME", **where}, order).keys.fields


def test_the_index_that_bounds_most_serves() -> None:
    assert plan({"place": "p", "code": "c"}) == ("orgcode", "place", "code")
    assert plan({"place": "p"}, "code") == ("orgcode", "place", "code")
    assert plan({"place": "p", "status": "s"}, "-amount") == ("orgcode", "place", "status", "amount", "_id")
    assert plan({"status": "s"}, "-thing_id") == ("orgcode", "status", "_id")
    assert plan({"folded": "f", "status": "on"}) == ("orgcode", "folded")
    assert choose(TABLE, {"status": "s", "amount": between(below=3)}, ()).keys.fields == ("status", "amount", "_id")
    assert choose(TABLE, {"_id": "t"}, ()).keys.fields == ("_id",)


@pytest.mark.parametrize(
    ("where", "order"),
    [
        ({"amount": 1}, ()),
        ({"place": "p", "amount": 1}, ()),
        ({"folded": "f"}, ()),
        ({"folded": "f", "status": "off"}, ()),
        ({"place": "p", "status": between(above="a"), "amount": between(above=1)}, ()),
        ({"place": "p"}, ("amount",)),
        ({"place": "p", "status": "s"}, ("amount", "-thing_id")),
        ({}, ("amount",)),
    ],
)
def test_what_no_index_serves_is_refused(where: dict[str, Any], order: tuple[str, ...]) -> None:
    with pytest.raises(UnservedQuery):
        choose(TABLE, {"orgcode": "ACME", **where}, order)


def test_the_first_stage_holds_what_one_index_covers_and_ends_with_the_open_field() -> None:
    query = build(
        TABLE,
        "ACME",
        {"place": "p", "status": one_of(["a", "b"]), "amount": between(at_least=1, below=9)},
        rest={"code": "X"},
    )
    assert query.first == {"orgcode": "ACME", "place": "p", "status": {"$in": ["a", "b"]}}
    assert query.second == [{"amount": {"$gte": 1, "$lt": 9}, "code": "X"}]


def test_going_on_narrows_the_range_and_breaks_ties_behind_it() -> None:
    where = {"place": "p", "status": "s", "amount": between(at_least=1, below=9)}
    query = build(TABLE, "ACME", where, ["-amount"], after=[4, "t3"])
    assert query.first == {"orgcode": "ACME", "place": "p", "status": "s", "amount": {"$gte": 1, "$lt": 5}}
    assert query.second == [{"$or": [{"amount": {"$lt": 4}}, {"amount": 4, "_id": {"$lt": "t3"}}]}]
    assert query.sort == (("amount", -1), ("_id", -1))
    tighter = build(TABLE, "ACME", where, ["amount"], after=[0, "t3"])
    assert tighter.first["amount"] == {"$gte": 1, "$lt": 9}
    behind = build(TABLE, "ACME", {"status": "s", "thing_id": between(at_most="t9")}, ["thing_id"], after=["t3"])
    assert behind.first == {"orgcode": "ACME", "status": "s", "_id": {"$gt": "t3", "$lt": "t9\0"}}


def test_what_the_database_would_answer_is_told_from_memory_alike() -> None:
    where = {"place": "here", "status": one_of(["on", "off"]), "amount": between(above=1, at_most=5)}
    query = build(TABLE, "ACME", where, after=None)
    fits = {amount: query.matches(a_thing(orgcode="ACME", amount=amount)) for amount in (1, 2, 5, 6)}
    assert fits == {1: False, 2: True, 5: True, 6: False}
    assert not query.matches(a_thing(orgcode="OTHER", amount=2))
    assert not query.matches(a_thing(orgcode="ACME", amount=2, status="x"))


@pytest.mark.parametrize(
    ("value", "wanted", "met"),
    [
        (1, 1, True),
        (None, {"$exists": True}, True),
        ("a", {"$type": "string"}, True),
        (None, {"$type": "string"}, False),
        (3, {"$gt": 2, "$lte": 3}, True),
        (None, {"$gte": 0}, False),
        ("a", {"$in": ["b"]}, False),
        (3, {"$lt": 3}, False),
        (3, {"$eq": 3}, True),
    ],
)
def test_conditions_of_partial_indexes_are_met_in_memory_as_in_the_database(
    value: object, wanted: object, met: bool
) -> None:
    assert meets(value, wanted) is met
