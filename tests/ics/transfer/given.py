"""Builders of transfers and shipments: say what matters to the test, the rest is valid."""

from typing import Any

from services.ics.transfer.domain import TransferLine, TransferRecord, Trip
from services.ics.transfer.shipment import Shipment, ShipmentLine
from tests.ics.given import NOON, ORG, VARIANT, an_id

STORED: dict[str, Any] = {
    "orgcode": ORG,
    "revision": 1,
    "created_utc": NOON,
    "created_by": "anna",
    "updated_utc": NOON,
    "updated_by": "anna",
}


def a_line(line_no: int = 1, **given: Any) -> TransferLine:
    """Ten units asked for."""
    plain: dict[str, Any] = {"line_no": line_no, "variant_id": f"VAR-{line_no}", "quantity": 10}
    return TransferLine(**(plain | given))


def a_transfer(*lines: TransferLine, **given: Any) -> TransferRecord:
    """A draft from FAC-A to FAC-B, of one line unless lines are given."""
    plain: dict[str, Any] = {
        "transfer_id": an_id(),
        "from_logical_guid": "FAC-A",
        "to_logical_guid": "FAC-B",
        "lines": list(lines) or [a_line()],
    }
    return TransferRecord(**(STORED | plain | given))


def a_trip(*line_nos: int, **given: Any) -> Trip:
    """A shipment that took these lines along (the first, unless told), still on its way."""
    plain: dict[str, Any] = {"shipment_id": an_id(), "line_nos": list(line_nos) or [1], "shipped_utc": NOON}
    return Trip(**(plain | given))


def a_load(line_no: int = 1, **given: Any) -> ShipmentLine:
    """Ten units on their way."""
    plain: dict[str, Any] = {"line_no": line_no, "transfer_line_no": line_no, "variant_id": VARIANT, "quantity": 10}
    whole = plain | {"serials": []} | given
    return ShipmentLine(**({"outstanding": whole["quantity"]} | whole))


def a_shipment(*lines: ShipmentLine, **given: Any) -> Shipment:
    """A shipment from FAC-A to FAC-B, of one line unless lines are given."""
    plain: dict[str, Any] = {
        "shipment_id": an_id(),
        "transfer_id": an_id(),
        "from_logical_guid": "FAC-A",
        "to_logical_guid": "FAC-B",
        "shipped_utc": NOON,
        "lines": list(lines) or [a_load()],
    }
    return Shipment(**(STORED | plain | given))
