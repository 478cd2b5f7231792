"""Transfers keep count, whatever happens meanwhile: random histories, cut down to a short story where they fail.

Goods come in at two facilities, are promised, sent to and fro, booked in, lost and found missing; consigned goods lie
among them. After every step invariants 1 to 4, 6, 7, 9, 10, 12, 20 and 22 are held against what is kept.
"""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from chassis.clock import day_of
from chassis.errors import Refusal
from chassis.values import Money
from services.ics.consignment.handlers import (
    ConsignmentConsumeRequest,
    ConsignmentReceiveRequest,
    ConsignmentSettlementRequest,
    ics_consignment_consume,
    ics_consignment_receive,
    ics_consignment_settle,
)
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.ledger.audit import Replay, held_of
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry, number_in
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.policy.handlers import StockPolicySetRequest, ics_stock_policy_set
from services.ics.receive.fields import ReceiveLineInput
from services.ics.receive.handlers import ReceiveRecordRequest, ics_receive_record
from services.ics.reservation.handlers import ReservationCreateRequest, ics_reservation_create
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.domain import as_lot
from services.ics.serial.store import SERIALS
from services.ics.stock.handlers import AdjustmentCreateRequest, ics_adjustment_create
from services.ics.transfer.domain import KeptTransfer
from services.ics.transfer.handlers import (
    TransferApprovalInput,
    TransferLineInput,
    TransferRequestApproveRequest,
    TransferRequestCreateRequest,
    TransferRequestSubmitRequest,
    ics_transfer_request_approve,
    ics_transfer_request_create,
    ics_transfer_request_submit,
)
from services.ics.transfer.shipment import status_of
from services.ics.transfer.shipping import (
    ShipmentLineInput,
    TransferReceiptInput,
    TransferReceiveRequest,
    TransferShipmentRecordRequest,
    ics_transfer_shipment_receive,
    ics_transfer_shipment_record,
)
from services.ics.transfer.store import SHIPMENTS, TRANSFERS
from tests.ics.invariants import check_conservation, check_fill
from tests.ics.memory import Memory, MemoryChange

FACILITIES = st.sampled_from(("FAC-A", "FAC-B"))
VARIANTS = st.sampled_from(("VAR-1", "VAR-2"))
LOTS = st.sampled_from((None, None, "L-A", "OLD"))
EXPIRIES: dict[str | None, Any] = {"L-A": "2031-01-01", "OLD": "2020-01-01", None: None}
UNITS = st.integers(1, 6)
COST = Money(amount="0.25", currency="EUR")


class Lanes(RuleBasedStateMachine):
    """Two facilities and what goes between them."""

    transfers = Bundle("transfers")
    shipments = Bundle("shipments")
    consignments = Bundle("consignments")

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory()
        for facility in ("FAC-A", "FAC-B"):
            body = StockPolicySetRequest(logical_guid=facility, qc="skip", backorder_limit=3)
            self.do(ics_stock_policy_set, body, facility)
            for variant in ("VAR-1", "VAR-2"):
                self.take_in(facility, variant, 8, None)

    def do(self, handler: Any, body: Any, facility: str, *, call: bool = False) -> Any:
        """A call; None where it is refused, which leaves no trace."""
        assert not body.problems()

        async def run(change: MemoryChange) -> Any:
            return await (handler(change.call, change, body) if call else handler(change, body))

        before = (self.memory.all(ITEMS), len(self.memory.all(ENTRIES)), len(self.memory.events))
        try:
            return self.memory.change(run, facility=facility)
        except Refusal:
            assert (self.memory.all(ITEMS), len(self.memory.all(ENTRIES)), len(self.memory.events)) == before
            return None

    def transfer(self, transfer_id: str) -> KeptTransfer:
        return next(each for each in self.memory.all(TRANSFERS) if each.transfer_id == transfer_id)

    @rule(facility=FACILITIES, variant=VARIANTS, units=UNITS, lot=LOTS)
    def receive(self, facility: str, variant: str, units: int, lot: str | None) -> None:
        self.take_in(facility, variant, units, lot)

    def take_in(self, facility: str, variant: str, units: int, lot: str | None) -> None:
        line = ReceiveLineInput(variant_id=variant, quantity=units, lot_code=lot, expiry_date=EXPIRIES[lot])
        assert self.do(ics_receive_record, ReceiveRecordRequest(lines=[line]), facility, call=True)

    @rule(facility=FACILITIES, variant=VARIANTS, units=UNITS)
    def promise(self, facility: str, variant: str, units: int) -> None:
        body = ReservationCreateRequest(variant_id=variant, quantity=units)
        self.do(ics_reservation_create, body, facility, call=True)

    @rule(target=transfers, origin=FACILITIES, one=UNITS, two=UNITS, cut=st.integers(0, 6))
    def ask(self, origin: str, one: int, two: int, cut: int) -> str:
        body = TransferRequestCreateRequest(
            from_logical_guid=origin,
            to_logical_guid="FAC-B" if origin == "FAC-A" else "FAC-A",
            lines=[
                TransferLineInput(variant_id="VAR-1", quantity=one),
                TransferLineInput(variant_id="VAR-2", quantity=two),
            ],
        )
        transfer_id: str = self.do(ics_transfer_request_create, body, origin).transfer.transfer_id
        submit = TransferRequestSubmitRequest(transfer_id=transfer_id, expected_revision=1)
        self.do(ics_transfer_request_submit, submit, origin, call=True)
        approve = TransferRequestApproveRequest(
            transfer_id=transfer_id,
            expected_revision=2,
            lines=[TransferApprovalInput(line_no=2, approved=min(cut, two))],
        )
        assert self.do(ics_transfer_request_approve, approve, origin, call=True)
        return transfer_id

    @rule(
        target=shipments,
        transfer_id=transfers,
        lines=st.none() | st.lists(st.tuples(st.integers(1, 2), UNITS, LOTS), min_size=1, max_size=2),
        final=st.booleans(),
    )
    def ship(self, transfer_id: str, lines: list[tuple[int, int, str | None]] | None, final: bool) -> Any:
        transfer = self.transfer(transfer_id)
        asked = None
        if lines is not None:
            asked = [
                ShipmentLineInput(
                    transfer_line_no=number,
                    quantity=min(units, transfer.lines[number - 1].unshipped) or units,
                    lot_code=lot,
                )
                for number, units, lot in lines
            ]
        body = TransferShipmentRecordRequest(
            transfer_id=transfer_id, expected_revision=transfer.revision, lines=asked, final=final
        )
        answer = self.do(ics_transfer_shipment_record, body, transfer.from_logical_guid, call=True)
        return answer.shipment.shipment_id if answer is not None else multiple()

    @rule(
        shipment_id=shipments,
        lines=st.none()
        | st.lists(
            st.tuples(st.integers(1, 3), st.sampled_from(("accepted", "damaged", "missing")), UNITS),
            min_size=1,
            max_size=2,
        ),
    )
    def book(self, shipment_id: str, lines: list[tuple[int, Any, int]] | None) -> None:
        shipment = next(each for each in self.memory.all(SHIPMENTS) if each.shipment_id == shipment_id)
        asked = None
        if lines is not None:
            carried = [shipment.lines[number % len(shipment.lines)] for number, _, _ in lines]
            asked = [
                TransferReceiptInput(
                    line_no=line.line_no, outcome=outcome, quantity=min(units, line.outstanding) or units
                )
                for line, (_, outcome, units) in zip(carried, lines, strict=True)
            ]
        body = TransferReceiveRequest(
            shipment_id=shipment.shipment_id, expected_revision=shipment.revision, lines=asked
        )
        self.do(ics_transfer_shipment_receive, body, shipment.to_logical_guid, call=True)

    @rule(target=shipments, origin=FACILITIES, units=UNITS, part=UNITS, final=st.booleans())
    def send(self, origin: str, units: int, part: int, final: bool) -> Any:
        """A transfer asked for and shipped, whole or in part, at one go."""
        return self.ship(self.ask(origin, units, units, 0), [(1, min(part, units), None)], final)

    @rule(shipment_id=shipments)
    def unpack_one(self, shipment_id: str) -> None:
        self.book(shipment_id, [(0, "accepted", 1)])

    @rule(facility=FACILITIES, variant=VARIANTS, units=UNITS, bucket=st.sampled_from(("in_transit", "consignment")))
    def lose(self, facility: str, variant: str, units: int, bucket: Any) -> None:
        body = AdjustmentCreateRequest(variant_id=variant, delta=-units, from_bucket=bucket, reason_code="loss")
        self.do(ics_adjustment_create, body, facility, call=True)

    @rule(target=consignments, facility=FACILITIES, variant=VARIANTS, units=UNITS, lot=LOTS)
    def consign(self, facility: str, variant: str, units: int, lot: str | None) -> str:
        body = ConsignmentReceiveRequest(
            consignor_ref="C",
            variant_id=variant,
            quantity=units,
            unit_cost=COST,
            lot_code=lot,
            expiry_date=EXPIRIES[lot],
        )
        answer = self.do(ics_consignment_receive, body, facility, call=True)
        consignment_id: str = answer.consignment.consignment_id
        return consignment_id

    @rule(consignment_id=consignments, units=UNITS)
    def consume(self, consignment_id: str, units: int) -> None:
        kept = next(each for each in self.memory.all(CONSIGNMENTS) if each.consignment_id == consignment_id)
        body = ConsignmentConsumeRequest(consignment_id=consignment_id, expected_revision=kept.revision, quantity=units)
        self.do(ics_consignment_consume, body, kept.logical_guid, call=True)

    @rule(consignment_id=consumes(consignments), paid=st.none() | UNITS, back=UNITS)
    def settle(self, consignment_id: str, paid: int | None, back: int) -> None:
        kept = next(each for each in self.memory.all(CONSIGNMENTS) if each.consignment_id == consignment_id)
        body = ConsignmentSettlementRequest(
            consignment_id=consignment_id, expected_revision=kept.revision, quantity=paid, return_quantity=back
        )
        self.do(ics_consignment_settle, body, kept.logical_guid, call=True)

    @invariant()
    def the_ledger_is_what_its_entries_and_holders_say(self) -> None:
        items, entries = self.memory.all(ITEMS), self.memory.all(ENTRIES)
        check_conservation(items, entries)
        today = day_of(self.memory.clock.now())
        for item in items:
            replay = Replay(item)
            ours = [entry for entry in entries if _of(entry, item)]
            for entry in sorted(ours, key=lambda each: number_in(each, item.logical_guid)):
                replay.read(entry)
            assert replay.finish(held_of(self.held(item))) == []
            known = {
                unit.lot_code: as_lot(unit)
                for unit in self.memory.all(SERIALS)
                if unit.variant_id == item.variant_id and unit.lot_code is not None
            }
            check_fill(item, known, today)

    def held(self, item: Item) -> list[Any]:
        """What everybody's record says of an item."""
        parts: list[Any] = []
        for promise in self.memory.all(RESERVATIONS):
            if (promise.logical_guid, promise.variant_id) == (item.logical_guid, item.variant_id):
                parts += [(promise.reservation_id, each.spot, None, each.quantity) for each in promise.positions]
        for entity, place in ((SHIPMENTS, "to_logical_guid"), (CONSIGNMENTS, "logical_guid")):
            kind = next(kind for kind in HOLDER_KINDS.values() if kind.entity is entity)
            for record in self.memory.all(kind.entity):
                # A shipment is of many variants, and says itself what it has of each.
                variant = getattr(record, "variant_id", item.variant_id)
                if (getattr(record, place), variant) == (item.logical_guid, item.variant_id):
                    found = kind.parts(record, item.variant_id)
                    parts += [(kind.entity.id_of(record), part.spot, None, units) for part, units in found.items()]
        return parts

    @invariant()
    def transfers_keep_count(self) -> None:
        """Invariant 20, line by line: by the transfer's own counters, by its shipments', and by the entries."""
        carried: Counter[tuple[str, int, str]] = Counter()
        for shipment in self.memory.all(SHIPMENTS):
            assert shipment.status == status_of(shipment.lines)
            assert (shipment.received_utc is not None) == (shipment.status == "received")
            for line in shipment.lines:
                assert line.quantity == line.accepted + line.damaged + line.missing + line.outstanding
                key = (shipment.transfer_id, line.transfer_line_no)
                for name, units in (
                    ("shipped", line.quantity),
                    ("in_transit", line.outstanding),
                    ("received", line.accepted),
                    ("damaged", line.damaged),
                    ("missing", line.missing),
                ):
                    carried[(*key, name)] += units
        left: Counter[str] = Counter()
        for entry in self.memory.all(ENTRIES):
            if entry.kind == "transfer_ship":
                left[entry.document_id] += entry.quantity
        for shipment in self.memory.all(SHIPMENTS):
            assert left[shipment.shipment_id] == sum(line.quantity for line in shipment.lines)
        for transfer in self.memory.all(TRANSFERS):
            for asked in transfer.lines:
                assert asked.shipped == asked.in_transit + asked.received + asked.damaged + asked.missing
                assert asked.shipped <= asked.approved <= asked.quantity
                for name in ("shipped", "in_transit", "received", "damaged", "missing"):
                    assert getattr(asked, name) == carried[transfer.transfer_id, asked.line_no, name]
            self.check_over(transfer)

    def check_over(self, transfer: KeptTransfer) -> None:
        """Completed exactly when something has shipped, nothing is on the way and nothing is to follow."""
        on_the_way = any(line.in_transit for line in transfer.lines)
        to_follow = not transfer.final and any(line.unshipped for line in transfer.lines)
        over = bool(transfer.trips) and not on_the_way and not to_follow
        assert (transfer.status == "completed") == over

    @invariant()
    def title_is_kept(self) -> None:
        """Invariant 22."""
        consumed: Counter[str] = Counter()
        for entry in self.memory.all(ENTRIES):
            if entry.kind == "consign_consume":
                consumed[entry.document_id] += entry.quantity
        for kept in self.memory.all(CONSIGNMENTS):
            assert kept.settled <= kept.consumed == consumed[kept.consignment_id]
            assert kept.quantity == kept.on_hand + kept.consumed + kept.returned + kept.lost


def _of(entry: StockCardEntry, item: Item) -> bool:
    facilities = {entry.from_account.logical_guid, entry.to_account.logical_guid}
    return entry.variant_id == item.variant_id and item.logical_guid in facilities


TestLanes = Lanes.TestCase
TestLanes.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
