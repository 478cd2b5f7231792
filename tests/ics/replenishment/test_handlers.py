from typing import Any

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id
from tests.ics.replenishment.places import an_aisle

RECORD = "/replenishment/record"


async def test_a_rule_moves_what_it_recommends_or_what_is_asked(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=5, over=50)
    rule = await aisle.rule(min_qty=2, max_qty=20, multiple=4)
    ics.events.clear()

    moved = await aisle.floor.do(RECORD, rule_id=rule["rule_id"], reason="rush")
    asked = await aisle.floor.do(RECORD, rule_id=rule["rule_id"], quantity=3)

    assert [entry["quantity"] for entry in (*moved["entries"], *asked["entries"])] == [12, 3]
    (entry,) = moved["entries"]
    assert (entry["document_type"], entry["document_id"], entry["reason"]) == ("replenishment", rule["rule_id"], "rush")
    assert (entry["from_balance"], entry["to_balance"], moved["commit"]) == (55, 55, None)
    assert await aisle.units() == (20, 35)
    assert ics.events == ["ics.replenishment.recorded"] * 2
    nothing = await aisle.floor.ask(RECORD, rule_id=rule["rule_id"])
    more = await aisle.floor.ask(RECORD, rule_id=rule["rule_id"], quantity=36)
    assert nothing.error_code == more.error_code == "ics.insufficient_stock"
    assert more.details["shortages"][0]["available"] == 35


async def test_places_may_be_named_instead(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=5, over=50)
    body: dict[str, Any] = {"variant_id": "V1", "from_zone_id": aisle.over_zone, "to_zone_id": aisle.pick_zone}

    moved = await aisle.floor.do(RECORD, **body, quantity=7, to_bin_id=aisle.pick_bin)

    assert {entry["document_id"] for entry in moved["entries"]} == {moved["operation_id"]}
    assert await aisle.units() == (12, 43)
    short = await aisle.floor.ask(RECORD, **body, quantity=44)
    assert short.error_code == "ics.insufficient_stock"


async def test_what_contradicts_itself_is_refused_by_name(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=5, over=50)
    floor = aisle.floor
    rule = await aisle.rule(min_qty=2, max_qty=20)
    places = {"from_zone_id": aisle.over_zone, "to_zone_id": aisle.over_zone}

    both = await floor.ask(RECORD, rule_id=rule["rule_id"], variant_id="V1")
    neither = await floor.ask(RECORD, quantity=1)
    same = await floor.ask(RECORD, variant_id="V1", quantity=1, **places)
    unknown = await floor.ask(RECORD, variant_id="V1", quantity=1, **(places | {"to_zone_id": an_id()}))
    crossed = await floor.ask(
        "/replenishment/rule/set", variant_id="V1", pick_zone_id=aisle.pick_zone, min_qty=3, max_qty=2
    )
    circular = await floor.ask(
        "/replenishment/rule/set",
        variant_id="V1",
        pick_zone_id=aisle.pick_zone,
        overstock_zone_id=aisle.pick_zone,
        min_qty=1,
        max_qty=2,
    )
    by_its_bin = await floor.ask(
        "/replenishment/rule/set",
        variant_id="V1",
        pick_zone_id=aisle.pick_zone,
        pick_bin_id=aisle.pick_bin,
        overstock_bin_id=aisle.pick_bin,
        min_qty=1,
        max_qty=2,
    )

    assert [set(answer.problems) for answer in (both, neither, same, unknown, crossed, circular, by_its_bin)] == [
        {"variant_id"},
        {"variant_id", "from_zone_id", "to_zone_id"},
        {"to_zone_id"},
        {"to_zone_id"},
        {"max_qty"},
        {"overstock_zone_id"},
        {"overstock_zone_id"},
    ]


async def test_a_rule_without_overstock_and_closed_places_move_nothing(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=0, over=50)
    floor = aisle.floor
    rule = await aisle.rule(min_qty=2, max_qty=20, overstock=None)
    without = await floor.ask(RECORD, rule_id=rule["rule_id"])
    await aisle.rule(min_qty=2, max_qty=20, revision=1)
    await floor.do("/bin/status/set", bin_id=aisle.pick_bin, expected_revision=1, status="inactive")
    closed = await floor.ask(RECORD, rule_id=rule["rule_id"])
    places = {"from_bin_id": aisle.pick_bin, "from_zone_id": aisle.pick_zone, "to_zone_id": aisle.over_zone}
    from_closed = await floor.ask(RECORD, variant_id="V1", quantity=1, **places)
    aisle.last = aisle.last | {"revision": 2}
    await aisle.archive()
    archived = await floor.ask(RECORD, rule_id=rule["rule_id"])

    assert [answer.error_code for answer in (without, closed, from_closed, archived)] == ["ics.conflict_state"] * 4
    assert archived.details == {"status": "archived"}
    assert await aisle.units() == (0, 50)


async def test_unsellable_lots_move_only_where_they_are_named(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=0, over=0)
    floor = aisle.floor
    lot = {"lot_code": "L-1", "expiry_date": "2020-01-01"}
    await floor.stocked(5, bin_id=aisle.over_bin, **lot)
    body = {"variant_id": "V1", "from_zone_id": aisle.over_zone, "to_zone_id": aisle.pick_zone, "quantity": 5}

    passed_over = await floor.ask(RECORD, **body)
    await floor.do(RECORD, **body, lot_code="L-1")

    assert passed_over.error_code == "ics.insufficient_stock"
    assert await floor.at("available", zone_id=aisle.pick_zone, lot_code="L-1") == 5


async def test_setting_a_rule_again_changes_it_and_archiving_frees_its_place(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=0, over=0)
    first = await aisle.rule(min_qty=1, max_qty=2, multiple=5)
    stale = await aisle.floor.ask(
        "/replenishment/rule/set",
        variant_id="V1",
        pick_zone_id=aisle.pick_zone,
        pick_bin_id=aisle.pick_bin,
        min_qty=1,
        max_qty=2,
    )
    changed = await aisle.rule(min_qty=3, max_qty=4, overstock=None, revision=1)
    await aisle.archive()
    second = await aisle.rule(min_qty=1, max_qty=2)

    assert (stale.status, stale.details) == (428, {"current_revision": 1})
    assert (changed["rule_id"], changed["revision"], changed["multiple"]) == (first["rule_id"], 2, 5)
    assert (changed["overstock_zone_id"], changed["overstock_bin_id"]) == (None, None)
    assert second["rule_id"] != first["rule_id"]
    listed = await aisle.floor.do("/replenishment/rule/list", variant_id="V1")
    assert [rule["rule_id"] for rule in listed["items"]] == [second["rule_id"], first["rule_id"]]
    got = await aisle.floor.do("/replenishment/rule/get", rule_id=first["rule_id"])
    assert got["rule"]["status"] == "archived"


async def test_every_filter_of_the_list_holds(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=0, over=0)
    rule = await aisle.rule(min_qty=1, max_qty=2)
    other = await aisle.rule(min_qty=1, max_qty=2, pick_bin_id=None)
    asked: list[tuple[dict[str, Any], int]] = [
        ({}, 2),
        ({"logical_guid": "FAC-A"}, 2),
        ({"logical_guid": "FAC-B"}, 0),
        ({"variant_id": "V1", "status": "active"}, 2),
        ({"pick_zone_id": aisle.pick_zone, "status": "paused"}, 0),
        ({"status": "archived"}, 0),
    ]
    for filters, count in asked:
        answer = await ics.plain.post("/replenishment/rule/list", **filters)
        assert (answer.status, answer.data["count"]) == (200, count), filters
    page = (await ics.plain.post("/replenishment/rule/list", limit=1)).data
    rest = (await ics.plain.post("/replenishment/rule/list", limit=1, next_token=page["next_token"])).data
    assert [page["items"][0]["rule_id"], rest["items"][0]["rule_id"]] == [other["rule_id"], rule["rule_id"]]
    assert rest["next_token"] is None


async def test_suggestions_are_those_below_their_minimum_by_rule_id(ics: ServiceClient) -> None:
    aisle = await an_aisle(ics, "V1", pick=5, over=50)
    floor = aisle.floor
    rules = [await aisle.rule(min_qty=6, max_qty=20, multiple=4)]
    for number in range(4):
        zone = (await floor.do("/zone/create", code=f"P-{number}"))["zone"]["zone_id"]
        overstock = {} if number else {"overstock": None}
        rules.append(await aisle.rule(min_qty=1, max_qty=2, pick_zone_id=zone, pick_bin_id=None, **overstock))
    enough = await aisle.rule(min_qty=1, max_qty=2, pick_bin_id=None)
    before = await floor.cards()

    everything = await floor.do("/replenishment/suggest")
    first = await floor.do("/replenishment/suggest", limit=2)
    second = await floor.do("/replenishment/suggest", limit=3, next_token=first["next_token"])
    one = await floor.do("/replenishment/suggest", rule_id=rules[0]["rule_id"])
    none = await floor.do("/replenishment/suggest", rule_id=enough["rule_id"])
    in_zone = await floor.do("/replenishment/suggest", pick_zone_id=aisle.pick_zone, variant_id="V1")

    wanted = [rule["rule_id"] for rule in rules]
    assert [item["rule_id"] for item in everything["items"]] == wanted
    assert [item["rule_id"] for item in (*first["items"], *second["items"])] == wanted
    assert second["next_token"] is None
    assert [item["outcome"] for item in everything["items"]] == ["move", "missing_overstock", "move", "move", "move"]
    assert one["items"] == in_zone["items"] == everything["items"][:1]
    assert none["items"] == []
    assert everything["items"][0] == {
        "rule_id": wanted[0],
        "variant_id": "V1",
        "pick_quantity": 5,
        "min_qty": 6,
        "max_qty": 20,
        "overstock_quantity": 50,
        "recommended_quantity": 12,
        "outcome": "move",
    }
    assert await floor.cards() == before
    elsewhere = await Floor(ics.in_facility("FAC-B"), "V1").do("/replenishment/suggest")
    assert elsewhere["items"] == []
