from typing import Any

import pytest
import pytest_asyncio

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor
from tests.ics.given import an_id


class Day:
    """A short day of one variant in two facilities, and everything it left behind."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.zone = ""
        self.receipt: dict[str, Any] = {}
        self.reservation: dict[str, Any] = {}
        self.commit: dict[str, Any] = {}


@pytest_asyncio.fixture(loop_scope="module")
async def day(ics: ServiceClient) -> Day:
    day = Day(Floor(ics, "VAR-1"))
    floor = day.floor
    day.zone = (await floor.do("/zone/create", code="PCK", purpose="pick"))["zone"]["zone_id"]
    day.receipt = await floor.receive(20, zone_id=day.zone, lot_code="L-A", serials=[f"S{n:02}" for n in range(20)])
    await floor.do("/qc/complete", receive_id=day.receipt["receive_id"], expected_revision=1)
    day.reservation = await floor.reserve(5)
    named = {"reservation_id": day.reservation["reservation_id"]}
    answer = await floor.do("/commit/create", **named, expected_revision=1, quantity=3, order_ref="O-1")
    await floor.do("/reservation/release", **named, expected_revision=2, quantity=1, reason="changed their mind")
    picked = {"commit_id": answer["commit"]["commit_id"], "expected_revision": 1, "quantity": 2}
    day.commit = (await floor.do("/pick/record", **picked, serials=["S03", "S07"]))["commit"]
    other = Floor(ics.in_facility("FAC-B"), "VAR-1")
    await other.stocked(4)
    await Floor(ics, "VAR-2").stocked(4)
    return day


async def test_an_items_cards_are_numbered_without_gaps_from_either_end(day: Day) -> None:
    oldest = await day.floor.cards()
    newest = await day.floor.cards(order="newest")

    numbers = [entry["to_account"]["seq"] or entry["from_account"]["seq"] for entry in oldest]
    assert numbers == list(range(1, len(oldest) + 1))
    assert newest == oldest[::-1]
    assert [entry["kind"] for entry in oldest] == ["receive", "qc", "reserve", "commit", "release", "pick"]


async def test_an_entry_tells_all_about_itself(day: Day) -> None:
    (entry,) = await day.floor.cards(kind="release")

    reservation_id = day.reservation["reservation_id"]
    account = {"kind": "stock", "external": None, "logical_guid": "FAC-A", "zone_id": day.zone, "bin_id": None}
    assert entry["from_account"] == account | {
        "bucket": "reserved",
        "lot_code": "L-A",
        "stage": None,
        "held_by_type": "reservation",
        "held_by_id": reservation_id,
        "seq": 5,
    }
    assert entry["to_account"] == account | {
        "bucket": "available",
        "lot_code": "L-A",
        "stage": None,
        "held_by_type": None,
        "held_by_id": None,
        "seq": 5,
    }
    assert (entry["from_balance"], entry["to_balance"], entry["quantity"]) == (1, 16, 1)
    assert (entry["document_type"], entry["document_id"]) == ("reservation", reservation_id)
    assert (entry["channel_code"], entry["reason"]) == ("WEB", "changed their mind")
    assert (entry["serials"], entry["document_line"], entry["recorded_by"]) == ([], None, "tester")


async def test_a_stretch_of_an_items_cards_is_asked_for_by_number(day: Day) -> None:
    found = await day.floor.cards(from_seq=2, to_seq=4)
    assert [entry["to_account"]["seq"] for entry in found] == [2, 3, 4]


async def test_numbers_need_an_item(day: Day) -> None:
    answer = await day.floor.ask("/stock/card/list", logical_guid=None, variant_id="VAR-1", from_seq=1)
    assert (answer.status, list(answer.problems)) == (400, ["from_seq"])


@pytest.mark.parametrize(
    ("filters", "kinds"),
    [
        ({"bucket": "reserved"}, ["reserve", "commit", "release"]),
        ({"bucket": "committed", "kind": "pick"}, ["pick"]),
        ({"document_type": "receive"}, ["receive", "qc"]),
        ({"lot_code": "L-A", "bucket": "quarantine"}, ["receive", "qc"]),
        ({"serial_no": "S03"}, ["receive", "qc", "pick"]),
        ({"serial_no": "S04"}, ["receive", "qc"]),
        ({"to_utc": "2026-03-02T00:00:00Z"}, []),
        ({"from_utc": "2026-03-02T00:00:00Z", "kind": "qc"}, ["qc"]),
        ({"lot_code": "L-B"}, []),
    ],
)
async def test_filters_combine(day: Day, filters: dict[str, Any], kinds: list[str]) -> None:
    assert [entry["kind"] for entry in await day.floor.cards(**filters)] == kinds
    elsewhere = {"logical_guid": None, "variant_id": None}
    others = [
        entry["kind"] for entry in await day.floor.cards(**filters, **elsewhere) if entry["variant_id"] == "VAR-1"
    ]
    ours = [kind for kind in others if kind not in {"receive", "qc"}]
    assert ours == [kind for kind in kinds if kind not in {"receive", "qc"}]


async def test_who_holds_or_held_units_is_asked_for_by_holder_and_by_document(day: Day) -> None:
    commit, reservation = day.commit["commit_id"], day.reservation["reservation_id"]
    kinds = {
        "held": [entry["kind"] for entry in await day.floor.cards(held_by_id=reservation)],
        "written": [entry["kind"] for entry in await day.floor.cards(document_id=reservation)],
        "commit": [entry["kind"] for entry in await day.floor.cards(held_by_id=commit, logical_guid=None)],
        "nobody": await day.floor.cards(held_by_id=an_id()),
    }
    assert kinds == {
        "held": ["reserve", "commit", "release"],
        "written": ["reserve", "release"],
        "commit": ["commit", "pick"],
        "nobody": [],
    }


async def test_what_an_operation_did_is_found_by_its_id(day: Day) -> None:
    (pick,) = await day.floor.cards(kind="pick")
    found = await day.floor.cards(operation_id=pick["operation_id"], logical_guid=None, variant_id=None)
    assert found == [pick]


async def test_filters_on_a_side_must_be_met_by_one_and_the_same(day: Day) -> None:
    commit = day.commit["commit_id"]
    assert await day.floor.cards(held_by_id=commit, bucket="reserved") == []
    assert len(await day.floor.cards(held_by_id=commit, bucket="committed")) == 2
    # The units left the zone when they were picked: the picked side lies in no place.
    assert len(await day.floor.cards(held_by_id=commit, zone_id=day.zone)) == 2


async def test_without_an_item_cards_come_by_time(day: Day) -> None:
    everything = await day.floor.cards(logical_guid=None, variant_id=None)
    assert [entry["entry_id"] for entry in everything] == sorted(entry["entry_id"] for entry in everything)
    assert {entry["variant_id"] for entry in everything} == {"VAR-1", "VAR-2"}
    here = await day.floor.cards(variant_id=None)
    assert len(here) == 8
    assert len(await day.floor.cards(logical_guid=None)) == 8


async def test_pages_repeat_nothing_and_skip_nothing_while_cards_are_added(day: Day) -> None:
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await day.floor.do(
            "/stock/card/list", logical_guid="FAC-A", variant_id="VAR-1", order="oldest", limit=2, **token
        )
        assert page["count"] == len(page["items"]) <= 2
        seen += [entry["entry_id"] for entry in page["items"]]
        if page["next_token"] is None:
            break
        token = {"next_token": page["next_token"]}
        if len(seen) == 4:
            await day.floor.reserve(1)
    assert seen == [entry["entry_id"] for entry in await day.floor.cards()]


async def test_sifted_pages_walk_to_the_end_too(day: Day) -> None:
    for _ in range(6):
        await day.floor.reserve(1)
    found: list[int] = []
    token: dict[str, str] = {}
    while True:
        page = await day.floor.do(
            "/stock/card/list", logical_guid="FAC-A", variant_id="VAR-1", bucket="reserved", limit=2, **token
        )
        found += [entry["to_account"]["seq"] for entry in page["items"]]
        if page["next_token"] is None:
            break
        token = {"next_token": page["next_token"]}
    assert found == [12, 11, 10, 9, 8, 7, 5, 4, 3]


async def test_a_token_of_other_filters_is_refused(day: Day) -> None:
    asked = {"logical_guid": "FAC-A", "variant_id": "VAR-1"}
    page = await day.floor.do("/stock/card/list", **asked, limit=1)
    token = page["next_token"]

    for body in (
        {**asked, "kind": "pick"},
        {**asked, "bucket": "available"},
        {**asked, "logical_guid": None},
        {**asked, "order": "oldest"},
    ):
        answer = await day.floor.ask("/stock/card/list", **body, next_token=token)
        assert (answer.status, list(answer.problems)) == (400, ["next_token"]), body
    altered = await day.floor.ask("/stock/card/list", **asked, next_token=token[:-2])
    assert altered.status == 400
    assert (await day.floor.ask("/stock/card/list", **asked, next_token="~.~")).status == 400
