"""Request fields of receipts, shared by handlers and events."""

from chassis.endpoint import Request
from chassis.values import Date, Guid, Id, Lot, Qty, Qty0, Text
from services.ics.receive.domain import LineNo, Outcome
from services.ics.stock.fields import SerialList


class ReceiveLineInput(Request):
    """One line of received units."""

    variant_id: Guid
    quantity: Qty
    expected_quantity: Qty0 | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    expiry_date: Date | None = None
    manufacture_date: Date | None = None
    serials: SerialList | None = None


class QcResultInput(Request):
    """The inspection result of some units of a line, and the place they are put."""

    line_no: LineNo
    outcome: Outcome
    quantity: Qty
    zone_id: Id | None = None
    bin_id: Id | None = None
    serials: SerialList | None = None
    note: Text | None = None
