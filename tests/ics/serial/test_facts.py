import pytest
from msgspec.structs import replace

from chassis.clock import Date
from chassis.errors import Invalid
from services.ics.serial.facts import SerialFacts, blocked, check_kind, registered, with_udi
from tests.ics.given import VARIANT, a_lot, an_id

UDI = "(01)09506000134352(17)310630(10)L-A(21)SN1"


def refused_fields(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [problem.path for problem in refused.value.details["fields"]]


def test_a_udi_fills_what_was_left_out() -> None:
    assert with_udi(SerialFacts(), UDI, 2026) == SerialFacts(
        serial_no="SN1", lot_code="L-A", gtin="09506000134352", expiry_date=Date("2031-06-30")
    )


def test_what_a_udi_does_not_say_stays_as_given() -> None:
    assert with_udi(SerialFacts(manufacture_date=Date("2026-01-01")), UDI, 2026).manufacture_date == "2026-01-01"
    assert with_udi(SerialFacts(serial_no="SN7"), None, 2026) == SerialFacts(serial_no="SN7")


def test_a_gtin_agrees_with_a_udi_as_fourteen_digits() -> None:
    assert with_udi(SerialFacts(gtin="9506000134352"), UDI, 2026).gtin == "09506000134352"


@pytest.mark.parametrize("field", ["serial_no", "lot_code", "gtin", "expiry_date"])
def test_a_field_that_differs_from_the_udi_is_refused_by_name(field: str) -> None:
    with pytest.raises(Invalid) as refused:
        with_udi(replace(SerialFacts(), **{field: "96385074"}), UDI, 2026)
    assert refused_fields(refused) == [field]


def test_a_single_unit_needs_its_number_and_a_lot_its_code_alone() -> None:
    check_kind("serial", SerialFacts(serial_no="SN1", lot_code="L-A"))
    check_kind("batch", SerialFacts(lot_code="L-A"))
    with pytest.raises(Invalid) as refused:
        check_kind("serial", SerialFacts(lot_code="L-A"))
    assert refused_fields(refused) == ["serial_no"]
    with pytest.raises(Invalid) as refused:
        check_kind("batch", SerialFacts(serial_no="SN1"))
    assert refused_fields(refused) == ["lot_code", "serial_no"]


def test_what_is_registered_has_not_moved_yet() -> None:
    unit = registered(an_id(), VARIANT, "serial", SerialFacts(serial_no="SN1", gtin="96385074"), {"colour": "red"})
    assert (unit.status, unit.on_hand, unit.revision, unit.attributes) == ("registered", 0, 0, {"colour": "red"})
    with pytest.raises(Invalid) as refused:
        registered(an_id(), VARIANT, "serial", SerialFacts(serial_no="SN1", gtin="96385075"), {})
    assert refused_fields(refused) == ["gtin"]


def test_a_block_has_a_reason_and_goes_with_it() -> None:
    lot = blocked(a_lot(), True, "recall")
    assert (lot.blocked, lot.block_reason) == (True, "recall")
    assert blocked(lot, None, "recall 7").block_reason == "recall 7"
    assert blocked(lot, None, None) is lot
    assert (blocked(lot, False, None).blocked, blocked(lot, False, "x").block_reason) == (False, None)
    with pytest.raises(Invalid):
        blocked(a_lot(), None, "recall")
