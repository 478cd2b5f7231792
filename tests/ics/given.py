"""Builders of what ICS keeps: say what matters to the test, the rest is valid."""

from typing import Any

from chassis.clock import Utc
from chassis.ids import IdSource
from services.ics.bin.domain import Bin
from services.ics.holdback.domain import Holdback
from services.ics.policy.domain import PolicyValues, StockPolicy
from services.ics.serial.domain import SerialUnit
from services.ics.zone.domain import Zone

NOON = Utc("2026-03-02T12:00:00.000Z")
ORG = "ACME"
FACILITY = "FAC-A"
CHANNEL = "WEB"
VARIANT = "VAR-1"

_IDS = IdSource()
_STORED: dict[str, Any] = {
    "orgcode": ORG,
    "revision": 1,
    "created_utc": NOON,
    "created_by": "anna",
    "updated_utc": NOON,
    "updated_by": "anna",
}


def an_id() -> str:
    """An id nothing else has."""
    return _IDS.new(NOON)


def a_zone(**given: Any) -> Zone:
    """An open storage zone."""
    plain: dict[str, Any] = {
        "zone_id": an_id(),
        "logical_guid": FACILITY,
        "code": "A-01",
        "name": None,
        "purpose": "storage",
    }
    return Zone(**(_STORED | plain | given))


def a_bin(**given: Any) -> Bin:
    """An open bin without a limit."""
    plain: dict[str, Any] = {
        "bin_id": an_id(),
        "zone_id": an_id(),
        "logical_guid": FACILITY,
        "code": "P-01",
        "name": None,
        "capacity": None,
    }
    return Bin(**(_STORED | plain | given))


def a_policy(variant_id: str | None = None, logical_guid: str | None = None, **values: Any) -> StockPolicy:
    """A policy of a scope; keywords are what it says."""
    return StockPolicy(
        **_STORED, policy_id=an_id(), variant_id=variant_id, logical_guid=logical_guid, values=PolicyValues(**values)
    )


def a_holdback(**given: Any) -> Holdback:
    """Five units kept from every channel, from now on."""
    plain: dict[str, Any] = {
        "holdback_id": an_id(),
        "logical_guid": FACILITY,
        "variant_id": VARIANT,
        "channel_code": None,
        "quantity": 5,
        "reason": None,
        "starts_utc": None,
        "ends_utc": None,
    }
    return Holdback(**(_STORED | plain | given))


def a_serial(**given: Any) -> SerialUnit:
    """A single unit nothing has moved yet."""
    plain: dict[str, Any] = {"serial_id": an_id(), "kind": "serial", "variant_id": VARIANT, "serial_no": "SN1"}
    return SerialUnit(**(_STORED | plain | given))


def a_lot(**given: Any) -> SerialUnit:
    """A lot without dates."""
    plain: dict[str, Any] = {"serial_id": an_id(), "kind": "batch", "variant_id": VARIANT, "lot_code": "L-A"}
    return SerialUnit(**(_STORED | plain | given))
