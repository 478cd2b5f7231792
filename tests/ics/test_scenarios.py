"""The scenarios of the contract's domain guide, step by step, with exactly their numbers."""

import asyncio

from chassis.clock import FixedClock, day_of
from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.sweeping import sweep, until_calm


async def test_scenario_1_receive_to_ship(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-1")
    rcv = (await floor.do("/zone/create", code="RCV", purpose="receiving"))["zone"]["zone_id"]
    pck = (await floor.do("/zone/create", code="PCK", purpose="pick"))["zone"]["zone_id"]
    ovr = (await floor.do("/zone/create", code="OVR", purpose="overstock"))["zone"]["zone_id"]
    stg = (await floor.do("/zone/create", code="STG", purpose="staging"))["zone"]["zone_id"]
    p_01 = (await floor.do("/bin/create", zone_id=pck, code="P-01"))["bin"]["bin_id"]
    o_01 = (await floor.do("/bin/create", zone_id=ovr, code="O-01"))["bin"]["bin_id"]

    # 1 receive/record 100 from supplier into RCV
    r1 = await floor.receive(100, zone_id=rcv)
    assert r1["status"] == "received"
    assert await floor.totals() == (0, 100, 0, 0, 0, 0, 0, 100)
    assert await floor.external("supplier") == -100

    # 2 qc/complete
    results = [
        {"line_no": 1, "outcome": "accepted", "quantity": 93},
        {"line_no": 1, "outcome": "damaged", "quantity": 2},
        {"line_no": 1, "outcome": "rejected", "quantity": 5},
    ]
    checked = await floor.do("/qc/complete", receive_id=r1["receive_id"], expected_revision=1, results=results)
    assert (checked["receive"]["status"], checked["receive"]["revision"]) == ("completed", 2)
    assert await floor.totals() == (93, 5, 2, 0, 0, 0, 0, 100)

    # 3 adjustment −5 from quarantine, counter_account supplier
    await floor.do(
        "/adjustment/create",
        variant_id="VAR-1",
        delta=-5,
        from_bucket="quarantine",
        counter_account="supplier",
        reason_code="return_to_supplier",
    )
    assert await floor.totals() == (93, 0, 2, 0, 0, 0, 0, 95)
    assert await floor.external("supplier") == -95

    # 4 putaway 60 RCV → OVR/O-01 and 33 RCV → PCK/P-01
    putaway = {"variant_id": "VAR-1", "from_zone_id": rcv}
    await floor.do("/putaway/record", **putaway, quantity=60, to_zone_id=ovr, to_bin_id=o_01)
    await floor.do("/putaway/record", **putaway, quantity=33, to_zone_id=pck, to_bin_id=p_01)
    assert await floor.totals() == (93, 0, 2, 0, 0, 0, 0, 95)
    assert (await floor.at("available", bin_id=p_01), await floor.at("available", bin_id=o_01)) == (33, 60)

    # 5 stock/policy/set safety_stock 10; holdback/set WEB 8
    await floor.policy(safety_stock=10)
    await floor.do("/holdback/set", variant_id="VAR-1", channel_code="WEB", quantity=8)
    web = (await floor.do("/atp/query", variant_ids=["VAR-1"], channel_code="WEB"))["items"][0]
    assert (web["atp"], web["promisable"]) == (75, 75)
    assert await floor.promisable(None) == 83

    # 6 reservation/create 20, ttl_seconds 20 (A1)
    a1 = await floor.reserve(20, ttl_seconds=20)
    assert await floor.totals() == (73, 0, 2, 0, 20, 0, 0, 95)
    assert (await floor.at("available", bin_id=p_01), await floor.promisable()) == (13, 55)

    # 7 allocation/create 12 from A1 (L1)
    answer = await floor.do(
        "/allocation/create",
        reservation_id=a1["reservation_id"],
        expected_revision=1,
        quantity=12,
        order_ref="O-1",
        channel_code="WEB",
    )
    a1, l1 = answer["reservation"], answer["allocation"]
    assert (a1["remaining"], a1["allocated"], l1["quantity"], l1["status"]) == (8, 12, 12, "active")
    assert await floor.totals() == (73, 0, 2, 0, 20, 0, 0, 95)

    # 8 commit/create from L1 (C1)
    answer = await floor.do("/commit/create", allocation_id=l1["allocation_id"], expected_revision=1)
    l1, c1 = answer["allocation"], answer["commit"]
    assert (l1["status"], l1["committed"], c1["open"], c1["order_ref"]) == ("committed", 12, 12, "O-1")
    assert await floor.totals() == (73, 0, 2, 0, 8, 12, 0, 95)

    # 9 commit/create-direct 5 (C2)
    c2 = await floor.commit(5, order_ref="O-2")
    assert await floor.totals() == (68, 0, 2, 0, 8, 17, 0, 95)
    assert (await floor.at("available", bin_id=p_01), await floor.promisable()) == (8, 50)

    # 10 pick/record C1 12 to STG
    named = {"commit_id": c1["commit_id"]}
    picked = await floor.do("/pick/record", **named, expected_revision=1, quantity=12, to_zone_id=stg)
    assert picked["commit"]["picked"] == 12
    assert await floor.at("committed", zone_id=stg, stage="picked") == 12
    assert await floor.totals() == (68, 0, 2, 0, 8, 17, 0, 95)

    # 11 pack/record C1 12
    packed = await floor.do("/pack/record", **named, expected_revision=2, quantity=12)
    assert packed["commit"]["packed"] == 12
    assert await floor.totals() == (68, 0, 2, 0, 8, 17, 0, 95)

    # 12 ship/record C1 10
    shipped = await floor.do("/ship/record", **named, expected_revision=3, quantity=10)
    assert (shipped["commit"]["packed"], shipped["commit"]["shipped"]) == (2, 10)
    assert await floor.totals() == (68, 0, 2, 0, 8, 7, 0, 85)
    assert await floor.external("customer") == 10

    # 13 commit/release C1 2
    c1 = (await floor.do("/commit/release", **named, expected_revision=4, quantity=2))["commit"]
    assert c1["status"] == "shipped"
    assert await floor.totals() == (70, 0, 2, 0, 8, 5, 0, 85)
    assert (await floor.at("available", zone_id=stg), await floor.promisable()) == (2, 52)

    # 14 reservation/release A1 3
    promise = {"reservation_id": a1["reservation_id"]}
    a1 = (await floor.do("/reservation/release", **promise, expected_revision=2, quantity=3))["reservation"]
    assert (a1["status"], a1["remaining"]) == ("active", 5)
    assert await floor.totals() == (73, 0, 2, 0, 5, 5, 0, 85)
    assert await floor.promisable() == 55

    # 15 after expires_utc: reservation/expire A1
    early = await floor.ask("/reservation/expire", **promise, expected_revision=3)
    assert (early.status, early.error_code) == (409, "ics.conflict_state")
    clock.advance(21)
    assert await floor.promisable() == 60
    a1 = (await floor.do("/reservation/expire", **promise, expected_revision=3))["reservation"]
    assert (a1["allocated"], a1["released"], a1["expired"], a1["status"]) == (12, 3, 5, "allocated")
    assert await floor.totals() == (78, 0, 2, 0, 0, 5, 0, 85)
    assert await floor.promisable() == 60

    # 16 pick/record C2 5, pinned to OVR/O-01, no to-place
    named = {"commit_id": c2["commit_id"]}
    picked = await floor.do("/pick/record", **named, expected_revision=1, quantity=5, zone_id=ovr, bin_id=o_01)
    assert [entry["kind"] for entry in picked["entries"]] == ["repin", "repin", "pick"]
    assert await floor.totals() == (78, 0, 2, 0, 0, 5, 0, 85)
    assert (await floor.at("available", bin_id=p_01), await floor.at("available", bin_id=o_01)) == (21, 55)

    # 17 ship/record C2 5, from_stage picked
    shipped = await floor.do("/ship/record", **named, expected_revision=2, quantity=5, from_stage="picked")
    assert shipped["commit"]["status"] == "shipped"
    assert await floor.totals() == (78, 0, 2, 0, 0, 0, 0, 80)
    assert await floor.external("customer") == 15

    # 18 stock/transition damaged → available 1
    move = {"variant_id": "VAR-1", "from_bucket": "damaged", "to_bucket": "available", "quantity": 1}
    await floor.do("/stock/transition", **move)
    assert await floor.totals() == (79, 0, 1, 0, 0, 0, 0, 80)
    assert (await floor.at("available", zone_id=rcv), await floor.promisable()) == (1, 61)

    # 19 adjustment −1 from damaged, counter_account scrap
    await floor.do(
        "/adjustment/create",
        variant_id="VAR-1",
        delta=-1,
        from_bucket="damaged",
        counter_account="scrap",
        reason_code="write_off",
    )
    assert await floor.totals() == (79, 0, 0, 0, 0, 0, 0, 79)
    assert await floor.external("scrap") == 1

    # 20 rule PCK/P-01 ← OVR/O-01 min 30 max 45; sweep
    await until_calm(ics)
    pick, over = {"pick_zone_id": pck, "pick_bin_id": p_01}, {"overstock_zone_id": ovr, "overstock_bin_id": o_01}
    await floor.do("/replenishment/rule/set", variant_id="VAR-1", **pick, **over, min_qty=30, max_qty=45)
    (suggestion,) = (await floor.do("/replenishment/suggest"))["items"]
    assert (suggestion["pick_quantity"], suggestion["recommended_quantity"]) == (21, 24)
    first, second = await sweep(ics), await sweep(ics)
    assert (first["matched"], first["executed"], second["matched"]) == (1, 1, 0)
    assert await floor.totals() == (79, 0, 0, 0, 0, 0, 0, 79)
    assert (await floor.at("available", bin_id=p_01), await floor.at("available", bin_id=o_01)) == (45, 31)
    assert (await floor.at("available", zone_id=rcv), await floor.at("available", zone_id=stg)) == (1, 2)

    # 21 demand/signal/compute, as_of_date today
    today = day_of(clock.now())
    signal = (await floor.do("/demand/signal/compute", variant_id="VAR-1", as_of_date=today))["signal"]
    assert [window["total"] for window in signal["windows"]] == [15, 15, 15]
    assert [window["average_daily"] for window in signal["windows"]] == ["2.1429", "0.5357", "0.1667"]
    assert [window["stdev_daily"] for window in signal["windows"]] == ["5.2489", "2.7837", "1.5723"]
    assert (signal["days_of_cover"], signal["trend"]) == ("147.4667", "rising")
    assert await floor.totals() == (79, 0, 0, 0, 0, 0, 0, 79)

    # 22 70 concurrent reservation/create of 1 on WEB
    create = {"variant_id": "VAR-1", "quantity": 1, "channel_code": "WEB"}
    answers = await asyncio.gather(*(floor.ask("/reservation/create", **create) for _ in range(70)))
    refused = [answer.error_code for answer in answers if answer.status != 200]
    assert (len(answers) - len(refused), refused) == (61, ["ics.insufficient_stock"] * 9)
    assert await floor.totals() == (18, 0, 0, 0, 61, 0, 0, 79)
    assert await floor.promisable() == 0


async def test_scenario_3_lots_backorder_fill(ics: ServiceClient) -> None:
    floor = Floor(ics, "VAR-3")
    await floor.policy(qc="skip", tracking="lot", backorder_limit=3)

    # 1 receive/record 6 of L-A, 4 of L-B
    lines = [
        {"variant_id": "VAR-3", "quantity": 6, "lot_code": "L-A", "expiry_date": "2031-06-30"},
        {"variant_id": "VAR-3", "quantity": 4, "lot_code": "L-B", "expiry_date": "2031-03-31"},
    ]
    await floor.do("/receive/record", lines=lines)
    assert await floor.totals() == (10, 0, 0, 0, 0, 0, 0, 10)
    web = (await floor.do("/atp/query", variant_ids=["VAR-3"], channel_code="WEB"))["items"][0]
    assert (web["atp"], web["promisable"]) == (10, 13)

    # 2 reservation/create 5 (A1)
    a1 = await floor.reserve(5)
    assert (lots(a1), a1["backordered"]) == ({"L-B": 4, "L-A": 1}, 0)
    assert await floor.totals() == (5, 0, 0, 0, 5, 0, 0, 10)

    # 3 reservation/create 8 (A2)
    a2 = await floor.reserve(8)
    assert (lots(a2), a2["backordered"]) == ({"L-A": 5, None: 3}, 3)
    assert await floor.totals() == (-3, 0, 0, 0, 13, 0, 0, 10)
    assert await floor.promisable() == 0

    # 4 reservation/create 1
    more = await floor.ask("/reservation/create", variant_id="VAR-3", quantity=1, channel_code="WEB")
    assert (more.status, more.error_code) == (409, "ics.insufficient_stock")
    assert more.details["shortages"] == [
        {"logical_guid": "FAC-A", "variant_id": "VAR-3", "bucket": "available", "requested": 1, "available": 0}
    ]
    assert await floor.totals() == (-3, 0, 0, 0, 13, 0, 0, 10)

    # 5 commit/create from A2, 8 (C1)
    promise = {"reservation_id": a2["reservation_id"], "expected_revision": 1}
    c1 = (await floor.do("/commit/create", **promise, quantity=8, order_ref="O-1"))["commit"]
    assert (lots(c1), c1["open"]) == ({"L-A": 5, None: 3}, 8)
    assert await floor.totals() == (-3, 0, 0, 0, 5, 8, 0, 10)

    # 6 pick/record C1 8
    named = {"commit_id": c1["commit_id"]}
    short = await floor.ask("/pick/record", **named, expected_revision=1, quantity=8)
    assert (short.status, short.error_code) == (409, "ics.insufficient_stock")
    assert await floor.totals() == (-3, 0, 0, 0, 5, 8, 0, 10)

    # 7 pick/record C1 5
    c1 = (await floor.do("/pick/record", **named, expected_revision=1, quantity=5))["commit"]
    assert lots(c1, "picked") == {"L-A": 5}
    assert await floor.totals() == (-3, 0, 0, 0, 5, 8, 0, 10)

    # 8 receive/record 5 of L-C
    await floor.receive(5, lot_code="L-C", expiry_date="2031-09-30")
    assert await floor.totals() == (2, 0, 0, 0, 5, 8, 0, 15)
    assert await floor.at("committed", lot_code="L-C", stage="open", held_by_id=c1["commit_id"]) == 3
    assert await floor.at("available", lot_code="L-C") == 2

    # 9 pick/record C1 3; the fill has raised its revision
    c1 = (await floor.do("/pick/record", **named, expected_revision=3, quantity=3))["commit"]
    assert (c1["picked"], await floor.totals()) == (8, (2, 0, 0, 0, 5, 8, 0, 15))

    # 10 ship/record C1 8, from_stage picked
    await floor.do("/ship/record", **named, expected_revision=4, quantity=8, from_stage="picked")
    assert await floor.totals() == (2, 0, 0, 0, 5, 0, 0, 7)
    assert (await floor.external("supplier"), await floor.external("customer")) == (-15, 8)


def lots(promise: dict[str, list[dict[str, object]]], stage: str | None = None) -> dict[object, object]:
    """Units a promise holds of each lot, at one stage if named."""
    return {
        held["lot_code"]: held["quantity"] for held in promise["positions"] if stage is None or held["stage"] == stage
    }
