"""A facility in the middle of its day, made through the endpoints: one of everything, and a body for every call."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

from tests.ics.given import FACILITY, VARIANT

STOCK = 60
OTHER_FACILITY = "FAC-C"


class Told(Protocol):
    """What an answer has."""

    @property
    def status(self) -> int: ...

    @property
    def data(self) -> Any: ...


Ask = Callable[..., Awaitable[Told]]
"""`await ask("/zone/create", code="A-01")`: a POST as an operator in the facility and on the channel."""


class World(NamedTuple):
    """Ids of what there is, and the revisions the bodies of `BODIES` rest on."""

    zone_id: str
    bin_id: str
    empty_zone_id: str
    empty_bin_id: str
    receive_id: str
    waiting_id: str
    holdback_id: str
    reservation_id: str
    allocation_id: str
    commit_id: str
    draft_id: str
    submitted_id: str
    transfer_id: str
    shipment_id: str
    consignment_id: str
    comment_id: str
    inbox_id: str
    serial_id: str
    plan_id: str
    counting_id: str
    counted_id: str
    snapshot_id: str
    rule_id: str
    signal_id: str


async def make_world(ask: Ask) -> World:
    """Make one of everything."""

    async def made(path: str, name: str, **body: Any) -> dict[str, Any]:
        answer = await ask(path, **body)
        assert answer.status == 200, (path, answer)
        record: dict[str, Any] = answer.data[name]
        return record

    zone = await made("/zone/create", "zone", code="A-01", purpose="pick")
    empty_zone = await made("/zone/create", "zone", code="A-02")
    place = await made("/bin/create", "bin", zone_id=zone["zone_id"], code="P-01")
    empty_bin = await made("/bin/create", "bin", zone_id=zone["zone_id"], code="P-02", capacity=10)
    line = {"variant_id": VARIANT, "quantity": STOCK, "bin_id": place["bin_id"]}
    receipt = await made("/receive/record", "receive", lines=[line])
    await made("/qc/complete", "receive", receive_id=receipt["receive_id"], expected_revision=1)
    waiting = await made("/receive/record", "receive", lines=[{"variant_id": VARIANT, "quantity": 3}])
    await made("/stock/policy/set", "policy", variant_id=VARIANT, safety_stock=2)
    holdback = await made("/holdback/set", "holdback", variant_id=VARIANT, quantity=2)
    promised = {"variant_id": VARIANT, "order_ref": "O-1"}
    reservation = await made("/reservation/create", "reservation", variant_id=VARIANT, quantity=5)
    allocation = await made("/allocation/create", "allocation", **promised, quantity=5)
    commit = await made("/commit/create-direct", "commit", **promised, quantity=6)
    named = {"commit_id": commit["commit_id"]}
    await made("/pick/record", "commit", **named, quantity=4, expected_revision=1)
    await made("/pack/record", "commit", **named, quantity=2, expected_revision=2)
    transfers = await _make_transfers(made)
    goods = {"consignor_ref": "CONSIGNOR", "unit_cost": {"amount": "4.50", "currency": "EUR"}}
    consignment = await made("/consignment/receive", "consignment", **goods, variant_id=VARIANT, quantity=5)
    # Consumed in part, so that there is something to settle.
    named = {"consignment_id": consignment["consignment_id"], "expected_revision": 1}
    await made("/consignment/consume", "consignment", **named, quantity=2)
    comment = await made("/comment", "comment", subject_type="variant", subject_id=VARIANT, body="Handle with care")
    item = await made("/inbox/create", "item", title="Look at the dock")
    batch = await made("/serial/register", "serial", variant_id=VARIANT, kind="batch", lot_code="L-A")
    counts = await _make_counts(made, empty_bin["bin_id"])
    snapshot = await made("/snapshot/create", "snapshot")
    return World(
        zone_id=zone["zone_id"],
        bin_id=place["bin_id"],
        empty_zone_id=empty_zone["zone_id"],
        empty_bin_id=empty_bin["bin_id"],
        receive_id=receipt["receive_id"],
        waiting_id=waiting["receive_id"],
        holdback_id=holdback["holdback_id"],
        reservation_id=reservation["reservation_id"],
        allocation_id=allocation["allocation_id"],
        commit_id=commit["commit_id"],
        consignment_id=consignment["consignment_id"],
        comment_id=comment["comment_id"],
        inbox_id=item["inbox_id"],
        serial_id=batch["serial_id"],
        **transfers,
        **counts,
        snapshot_id=snapshot["snapshot_id"],
        **await _make_rule(made, zone["zone_id"], place["bin_id"]),
    )


async def _make_rule(made: Callable[..., Awaitable[dict[str, Any]]], zone_id: str, bin_id: str) -> dict[str, str]:
    """A replenishment rule whose pick place has enough, so that no sweep meddles, with some overstock; a signal."""
    over = (await made("/zone/create", "zone", code="A-09", purpose="overstock"))["zone_id"]
    found = {"variant_id": VARIANT, "delta": 5, "reason_code": "found"}
    await made("/adjustment/create", "adjustment", **found, zone_id=over)
    places = {"pick_zone_id": zone_id, "pick_bin_id": bin_id, "overstock_zone_id": over}
    rule = await made("/replenishment/rule/set", "rule", **places, variant_id=VARIANT, min_qty=1, max_qty=STOCK)
    signal = await made("/demand/signal/compute", "signal", variant_id=VARIANT)
    return {"rule_id": rule["rule_id"], "signal_id": signal["signal_id"]}


async def _make_counts(made: Callable[..., Awaitable[dict[str, Any]]], bin_id: str) -> dict[str, str]:
    """A count plan, and counts that go on: one not submitted yet, and one that is."""
    plan = await made("/count/plan/set", "plan", code="WEEKLY", bin_ids=[bin_id])
    counting = await made("/count/create", "count", lines=[{"variant_id": VARIANT}])
    counted = await made("/count/create", "count", lines=[{"variant_id": VARIANT, "bin_id": bin_id}])
    named = {"count_id": counted["count_id"], "expected_revision": 1}
    await made("/count/submit", "count", **named, lines=[{"line_no": 1, "counted": 1}])
    return {"plan_id": plan["plan_id"], "counting_id": counting["count_id"], "counted_id": counted["count_id"]}


async def _make_transfers(made: Callable[..., Awaitable[dict[str, Any]]]) -> dict[str, str]:
    """Transfers out of the facility at every stage, and a shipment on its way to it."""

    async def transfer(origin: str, target: str, stages: int) -> str:
        lines = [{"variant_id": VARIANT, "quantity": 3}]
        between = {"from_logical_guid": origin, "to_logical_guid": target}
        transfer_id: str = (await made("/transfer/request/create", "transfer", **between, lines=lines))["transfer_id"]
        for revision, step in enumerate(("submit", "approve")[:stages], 1):
            await made(f"/transfer/request/{step}", "transfer", transfer_id=transfer_id, expected_revision=revision)
        return transfer_id

    there = {"logical_guid": OTHER_FACILITY}
    await made("/adjustment/create", "adjustment", **there, variant_id=VARIANT, delta=3, reason_code="found")
    coming = {"transfer_id": await transfer(OTHER_FACILITY, FACILITY, 2), "expected_revision": 3}
    shipment = await made("/transfer/shipment/record", "shipment", **there, **coming)
    return {
        "draft_id": await transfer(FACILITY, OTHER_FACILITY, 0),
        "submitted_id": await transfer(FACILITY, OTHER_FACILITY, 1),
        "transfer_id": await transfer(FACILITY, OTHER_FACILITY, 2),
        "shipment_id": shipment["shipment_id"],
    }


Body = dict[str, Any]


class Bodies(dict[str, Callable[[World], Body]]):
    """Bodies by call; LookupError says what to add for a call that has none."""

    def __missing__(self, call: str) -> Callable[[World], Body]:
        raise LookupError(f"tests/ics/world.py has no body for {call}: add to BODIES one that a made world answers 200")


_BODIES: Mapping[str, Callable[[World], Body]] = {
    "ics_stat": lambda _: {},
    "ics_zone_create": lambda _: {"code": "A-03"},
    "ics_zone_get": lambda world: {"zone_id": world.zone_id},
    "ics_zone_list": lambda _: {},
    "ics_zone_update": lambda world: {"zone_id": world.empty_zone_id, "name": "North"},
    "ics_zone_status_set": lambda world: {"zone_id": world.empty_zone_id, "status": "inactive"},
    "ics_bin_create": lambda world: {"zone_id": world.zone_id, "code": "P-03"},
    "ics_bin_get": lambda world: {"bin_id": world.bin_id},
    "ics_bin_list": lambda _: {},
    "ics_bin_update": lambda world: {"bin_id": world.empty_bin_id, "capacity": 5},
    "ics_bin_status_set": lambda world: {"bin_id": world.empty_bin_id, "status": "inactive"},
    "ics_stock_policy_get": lambda _: {"variant_id": VARIANT},
    "ics_stock_policy_set": lambda _: {"variant_id": VARIANT, "safety_stock": 1},
    "ics_holdback_set": lambda _: {"variant_id": VARIANT, "quantity": 1},
    "ics_holdback_get": lambda world: {"holdback_id": world.holdback_id},
    "ics_holdback_list": lambda _: {},
    "ics_atp_query": lambda _: {"variant_ids": [VARIANT]},
    "ics_stock_get": lambda _: {"variant_id": VARIANT},
    "ics_stock_list": lambda _: {},
    "ics_stock_lot_list": lambda _: {},
    "ics_stock_card_list": lambda _: {},
    "ics_stock_transition": lambda _: {
        "variant_id": VARIANT,
        "from_bucket": "available",
        "to_bucket": "damaged",
        "quantity": 1,
    },
    "ics_adjustment_create": lambda _: {"variant_id": VARIANT, "delta": 1, "reason_code": "found"},
    "ics_adjustment_import": lambda _: {
        "reason_code": "found",
        "lines": [{"variant_id": VARIANT, "delta": 1}, {"variant_id": VARIANT, "delta": -1}],
    },
    "ics_receive_record": lambda _: {"lines": [{"variant_id": VARIANT, "quantity": 1}]},
    "ics_receive_get": lambda world: {"receive_id": world.receive_id},
    "ics_receive_list": lambda _: {},
    "ics_qc_complete": lambda world: {"receive_id": world.waiting_id},
    "ics_putaway_record": lambda world: {
        "variant_id": VARIANT,
        "quantity": 1,
        "from_zone_id": world.zone_id,
        "to_zone_id": world.empty_zone_id,
    },
    "ics_reservation_get": lambda world: {"reservation_id": world.reservation_id},
    "ics_reservation_list": lambda _: {},
    "ics_reservation_extend": lambda world: {"reservation_id": world.reservation_id},
    "ics_allocation_get": lambda world: {"allocation_id": world.allocation_id},
    "ics_allocation_list": lambda _: {},
    "ics_commit_get": lambda world: {"commit_id": world.commit_id},
    "ics_commit_list": lambda _: {},
    "ics_order_view": lambda _: {"order_ref": "O-1"},
    "ics_reservation_create": lambda _: {"variant_id": VARIANT, "quantity": 1},
    "ics_reservation_release": lambda world: {"reservation_id": world.reservation_id, "quantity": 1},
    "ics_reservation_expire": lambda world: {"reservation_id": world.reservation_id},
    "ics_allocation_create": lambda world: {
        "reservation_id": world.reservation_id,
        "quantity": 1,
        "order_ref": "O-2",
    },
    "ics_allocation_release": lambda world: {"allocation_id": world.allocation_id, "quantity": 1},
    "ics_allocation_expire": lambda world: {"allocation_id": world.allocation_id},
    "ics_commit_create": lambda world: {"allocation_id": world.allocation_id, "quantity": 1},
    "ics_commit_create_direct": lambda _: {"variant_id": VARIANT, "quantity": 1, "order_ref": "O-2"},
    "ics_commit_release": lambda world: {"commit_id": world.commit_id, "quantity": 1},
    "ics_pick_record": lambda world: {"commit_id": world.commit_id, "quantity": 1},
    "ics_pack_record": lambda world: {"commit_id": world.commit_id, "quantity": 1},
    "ics_ship_record": lambda world: {"commit_id": world.commit_id, "quantity": 1},
    "ics_allocation_suggest": lambda _: {"lines": [{"variant_id": VARIANT, "quantity": 1}]},
    "ics_transfer_request_create": lambda _: {
        "from_logical_guid": FACILITY,
        "to_logical_guid": OTHER_FACILITY,
        "code": "T-1",
        "lines": [{"variant_id": VARIANT, "quantity": 1}],
    },
    "ics_transfer_request_get": lambda world: {"transfer_id": world.draft_id},
    "ics_transfer_request_list": lambda _: {},
    "ics_transfer_request_submit": lambda world: {"transfer_id": world.draft_id},
    "ics_transfer_request_approve": lambda world: {"transfer_id": world.submitted_id},
    "ics_transfer_shipment_record": lambda world: {"transfer_id": world.transfer_id},
    "ics_transfer_shipment_get": lambda world: {"shipment_id": world.shipment_id},
    "ics_transfer_shipment_list": lambda _: {},
    "ics_transfer_shipment_receive": lambda world: {
        "shipment_id": world.shipment_id,
        "lines": [{"line_no": 1, "outcome": "accepted", "quantity": 1}],
    },
    "ics_transfer_request_cancel": lambda world: {"transfer_id": world.draft_id, "reason": "never mind"},
    "ics_transfer_shipment_close": lambda world: {"shipment_id": world.shipment_id, "reason": "lost on its way"},
    "ics_transfer_report": lambda _: {},
    "ics_transfer_suggest": lambda _: {"variant_ids": [VARIANT]},
    "ics_consignment_receive": lambda _: {
        "consignor_ref": "CONSIGNOR",
        "variant_id": VARIANT,
        "quantity": 1,
        "unit_cost": {"amount": "4.50", "currency": "EUR"},
    },
    "ics_consignment_get": lambda world: {"consignment_id": world.consignment_id},
    "ics_consignment_list": lambda _: {},
    "ics_consignment_consume": lambda world: {"consignment_id": world.consignment_id, "quantity": 1},
    "ics_consignment_settle": lambda world: {"consignment_id": world.consignment_id, "quantity": 1},
    "ics_comment": lambda _: {"subject_type": "variant", "subject_id": VARIANT, "body": "Again"},
    "ics_comment_get": lambda world: {"comment_id": world.comment_id},
    "ics_comment_list": lambda _: {},
    "ics_comment_report": lambda _: {},
    "ics_comment_revise": lambda world: {"comment_id": world.comment_id, "body": "Handle with more care"},
    "ics_comment_status": lambda world: {"comment_id": world.comment_id, "status": "archived"},
    "ics_inbox_create": lambda _: {"title": "Look at the gate"},
    "ics_inbox_get": lambda world: {"inbox_id": world.inbox_id},
    "ics_inbox_list": lambda _: {},
    "ics_inbox_state": lambda world: {"inbox_id": world.inbox_id, "state": "read"},
    "ics_inbox_status": lambda world: {"inbox_id": world.inbox_id, "status": "archived"},
    "ics_search_comments": lambda _: {"q": "care"},
    "ics_search_inbox": lambda _: {"q": "dock"},
    "ics_serial_register": lambda _: {"variant_id": VARIANT, "serial_no": "SN1"},
    "ics_serial_assign": lambda world: {"variant_id": VARIANT, "serials": ["SN2"], "bin_id": world.bin_id},
    "ics_serial_get": lambda world: {"serial_id": world.serial_id},
    "ics_serial_lookup": lambda _: {"lot_code": "L-A"},
    "ics_serial_lookup_udi": lambda _: {"udi": "(01)09506000134352(10)L-A"},
    "ics_serial_list": lambda _: {},
    "ics_serial_update": lambda world: {"serial_id": world.serial_id, "attributes": {"colour": "red"}},
    "ics_serial_360": lambda world: {"serial_id": world.serial_id},
    "ics_count_plan_get": lambda world: {"plan_id": world.plan_id},
    "ics_count_plan_list": lambda _: {},
    "ics_count_plan_set": lambda _: {"code": "WEEKLY", "tolerance_units": 1},
    "ics_count_plan_status_set": lambda world: {"plan_id": world.plan_id, "status": "paused"},
    "ics_count_get": lambda world: {"count_id": world.counted_id},
    "ics_count_list": lambda _: {},
    "ics_count_create": lambda world: {"lines": [{"variant_id": VARIANT, "bin_id": world.bin_id}]},
    "ics_count_submit": lambda world: {
        "count_id": world.counting_id,
        "lines": [{"line_no": 1, "counted": 1}],
    },
    "ics_count_approve": lambda world: {"count_id": world.counted_id},
    "ics_snapshot_create": lambda _: {"name": "now"},
    "ics_snapshot_get": lambda world: {"snapshot_id": world.snapshot_id},
    "ics_snapshot_list": lambda _: {},
    "ics_snapshot_detail": lambda world: {"snapshot_id": world.snapshot_id, "level": "position"},
    "ics_count_reject": lambda world: {"count_id": world.counting_id, "reason": "never mind"},
    "ics_replenishment_record": lambda world: {"rule_id": world.rule_id, "quantity": 1},
    "ics_replenishment_rule_get": lambda world: {"rule_id": world.rule_id},
    "ics_replenishment_rule_list": lambda _: {},
    "ics_replenishment_rule_set": lambda world: {
        "variant_id": VARIANT,
        "pick_zone_id": world.zone_id,
        "pick_bin_id": world.bin_id,
        "min_qty": 1,
        "max_qty": 2,
    },
    "ics_replenishment_rule_status_set": lambda world: {"rule_id": world.rule_id, "status": "paused"},
    "ics_replenishment_suggest": lambda _: {},
    "ics_demand_signal_get": lambda world: {"signal_id": world.signal_id},
    "ics_demand_signal_list": lambda _: {},
    "ics_demand_signal_compute": lambda _: {"variant_id": VARIANT},
}
BODIES = Bodies(_BODIES)
"""A body for every call that the world answers with 200, but for `expected_revision`."""

REVISIONS: Mapping[str, int] = {
    "ics_pick_record": 3,
    "ics_pack_record": 3,
    "ics_ship_record": 3,
    "ics_commit_release": 3,
    "ics_transfer_request_approve": 2,
    "ics_transfer_shipment_record": 3,
    "ics_consignment_consume": 2,
    "ics_consignment_settle": 2,
    "ics_count_approve": 2,
}
"""The current revision of what a body changes, where it is not 1."""
