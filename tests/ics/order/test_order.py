"""Orders as order/view shows them."""

from typing import Any

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.commit.store import COMMITS
from services.ics.ledger.store import ENTRIES
from services.ics.order.domain import COMMITS_MAX, ENTRIES_MAX, RESERVATIONS_MAX
from services.ics.reservation.store import RESERVATIONS
from tests.ics.crowds import crowd_like
from tests.ics.floor import Floor

CROWD = 2_000


async def test_an_order_nobody_knows_has_empty_lists(ics: ServiceClient) -> None:
    view = (await ics.post("/order/view", order_ref="NONE")).data
    lists = ("lines", "reservations", "allocations", "commits", "ships", "entries")
    assert view == {"order_ref": "NONE", "more": False, **{name: [] for name in lists}}


async def test_an_order_is_shown_with_all_its_promises_parcels_and_entries(ics: ServiceClient) -> None:
    floor, there = Floor(ics, "VAR-1"), Floor(ics.in_facility("FAC-B"), "VAR-2")
    await floor.stocked(20)
    await there.stocked(20)
    named = await floor.reserve(2, demand_type="order", demand_ref="O-1")
    cart = await floor.reserve(6, demand_ref="CART")
    allocated = await floor.do(
        "/allocation/create",
        reservation_id=cart["reservation_id"],
        expected_revision=1,
        order_ref="O-1",
        quantity=5,
        channel_code="WEB",
    )
    allocation = allocated["allocation"]
    committed = await floor.do(
        "/commit/create", allocation_id=allocation["allocation_id"], expected_revision=1, quantity=4
    )
    first = committed["commit"]
    second = await there.commit(3, order_ref="O-1")
    await floor.commit(1, order_ref="O-2")
    await floor.do("/pick/record", commit_id=first["commit_id"], expected_revision=1, quantity=3)
    ship: dict[str, Any] = {"commit_id": first["commit_id"], "from_stage": "picked", "carrier": "Post"}
    await floor.do("/ship/record", **ship, expected_revision=2, quantity=2, tracking_ref="T-1")
    await floor.do("/commit/release", commit_id=first["commit_id"], expected_revision=3, quantity=1, stage="open")

    view = await floor.do("/order/view", order_ref="O-1")

    assert (view["order_ref"], view["more"]) == ("O-1", False)
    assert view["lines"] == [
        {"variant_id": "VAR-1", "reserved": 3, "open": 0, "picked": 1, "packed": 0, "shipped": 2, "released": 1},
        {"variant_id": "VAR-2", "reserved": 0, "open": 3, "picked": 0, "packed": 0, "shipped": 0, "released": 0},
    ]
    assert [each["reservation_id"] for each in view["reservations"]] == [
        named["reservation_id"],
        cart["reservation_id"],
    ]
    assert view["allocations"] == (await floor.do("/allocation/list", order_ref="O-1", logical_guid=None))["items"]
    commits = (await floor.do("/commit/list", order_ref="O-1", logical_guid=None))["items"]
    assert view["commits"] == commits[::-1]
    assert [each["commit_id"] for each in view["commits"]] == [first["commit_id"], second["commit_id"]]
    (parcel,) = view["ships"]
    assert (parcel["commit_id"], parcel["quantity"], parcel["carrier"]) == (first["commit_id"], 2, "Post")
    assert (parcel["tracking_ref"], parcel["variant_id"], parcel["logical_guid"]) == ("T-1", "VAR-1", "FAC-A")
    cards = await floor.cards(order_ref="O-1", variant_id=None, logical_guid=None)
    assert view["entries"] == cards
    kinds = ["reserve", "allocate", "commit", "commit", "pick", "ship", "release"]
    assert [each["kind"] for each in cards] == kinds


async def test_the_lines_of_a_cut_order_add_up_everything(ics: ServiceClient, clock: FixedClock) -> None:
    floor = Floor(ics, "VAR-C")
    await floor.stocked(10)
    commit = await floor.commit(1, order_ref="BIG")
    cart = await floor.reserve(2, demand_ref="BIG")
    (entry,) = await floor.cards(document_id=cart["reservation_id"])
    await crowd_like(ics, COMMITS, commit["commit_id"], CROWD, now=clock.now())
    await crowd_like(ics, RESERVATIONS, cart["reservation_id"], CROWD, now=clock.now())
    await crowd_like(ics, ENTRIES, entry["entry_id"], CROWD, now=clock.now())

    view = await floor.do("/order/view", order_ref="BIG")

    assert view["more"] is True
    shown = tuple(len(view[name]) for name in ("commits", "reservations", "entries"))
    assert shown == (COMMITS_MAX, RESERVATIONS_MAX, ENTRIES_MAX)
    (line,) = view["lines"]
    assert (line["open"], line["reserved"]) == (CROWD + 1, 2 * (CROWD + 1))
    ids = [each["commit_id"] for each in view["commits"]]
    assert ids == sorted(ids), "the oldest are shown"
    assert ids[0] == commit["commit_id"]
