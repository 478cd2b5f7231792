import pytest

from chassis.clock import day_of, days_after
from chassis.errors import Invalid, InvalidState
from services.ics.serial.domain import (
    SerialStatus,
    Whereabouts,
    as_lot,
    check_digit,
    check_gtin,
    check_takes,
    coming_in,
    gtin14,
    lot_seen,
    moved,
    status_at,
)
from tests.ics.given import FACILITY, NOON, VARIANT, a_lot, a_serial, an_id


@pytest.mark.parametrize("gtin", ["09506000134352", "9506000134352", "96385074", "036000291452"])
def test_a_right_check_digit_passes(gtin: str) -> None:
    assert check_gtin(gtin) == gtin


@pytest.mark.parametrize("gtin", ["09506000134353", "9506000134351", "96385070", "036000291450"])
def test_a_wrong_check_digit_is_refused_by_name(gtin: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_gtin(gtin)
    assert refused.value.details["fields"][0].path == "gtin"


def test_numbers_of_other_lengths_carry_no_check_digit() -> None:
    assert check_gtin("12345") == "12345"


def test_gtins_compare_as_fourteen_digits() -> None:
    assert gtin14("96385074") == "00000096385074"
    assert check_digit("9638507") == check_digit("0000009638507") == 4


@pytest.mark.parametrize(
    ("where", "status"),
    [
        (Whereabouts(), "registered"),
        (Whereabouts(bucket="quarantine"), "quarantined"),
        (Whereabouts(bucket="available"), "in_stock"),
        (Whereabouts(bucket="reserved"), "in_stock"),
        (Whereabouts(bucket="committed", stage="open"), "in_stock"),
        (Whereabouts(bucket="committed", stage="picked"), "picked"),
        (Whereabouts(bucket="committed", stage="packed"), "picked"),
        (Whereabouts(bucket="damaged"), "damaged"),
        (Whereabouts(bucket="consignment"), "consigned"),
        (Whereabouts(bucket="in_transit"), "in_transit"),
        (Whereabouts(external="customer"), "shipped"),
        (Whereabouts(external="supplier"), "returned"),
        (Whereabouts(external="consignor"), "returned"),
        (Whereabouts(external="scrap"), "scrapped"),
        (Whereabouts(external="adjustment"), "missing"),
    ],
)
def test_the_status_is_read_off_the_account(where: Whereabouts, status: SerialStatus) -> None:
    assert status_at(where) == status


def test_a_unit_is_where_its_last_entry_put_it() -> None:
    zone, entry = an_id(), an_id()
    unit = moved(a_serial(), Whereabouts(bucket="available", logical_guid=FACILITY, zone_id=zone), entry, NOON)
    assert (unit.status, unit.zone_id, unit.on_hand, unit.last_entry_id) == ("in_stock", zone, 1, entry)
    gone = moved(unit, Whereabouts(external="customer"), an_id(), NOON)
    assert (gone.status, gone.logical_guid, gone.zone_id, gone.on_hand) == ("shipped", None, None, 0)


@pytest.mark.parametrize("status", ["registered", "shipped", "returned", "missing"])
def test_a_known_unit_may_come_in_again(status: SerialStatus) -> None:
    assert coming_in(a_serial(status=status), an_id(), VARIANT, "SN1", "L-B").lot_code == "L-B"


@pytest.mark.parametrize("status", ["in_stock", "quarantined", "scrapped", "in_transit", "picked"])
def test_a_unit_that_is_here_does_not_come_in(status: SerialStatus) -> None:
    with pytest.raises(InvalidState) as refused:
        coming_in(a_serial(status=status), an_id(), VARIANT, "SN1")
    assert refused.value.details == {"status": status, "serial_no": "SN1"}


def test_an_unknown_unit_is_registered_on_the_way() -> None:
    unit = coming_in(None, an_id(), VARIANT, "SN9", "L-A")
    assert (unit.revision, unit.kind, unit.serial_no, unit.lot_code) == (0, "serial", "SN9", "L-A")


def test_serials_are_taken_from_the_facility_and_status_they_are_in() -> None:
    here = a_serial(status="in_stock", logical_guid=FACILITY)
    check_takes([here], ["SN1"], FACILITY, ["in_stock"])
    for wrong in (None, a_serial(status="picked", logical_guid=FACILITY), a_serial(status="in_stock")):
        with pytest.raises(InvalidState):
            check_takes([wrong], ["SN1"], FACILITY, ["in_stock"])


def test_a_lot_sells_until_its_expiry_date_has_passed_unless_blocked() -> None:
    day, next_day = day_of(NOON), days_after(day_of(NOON), 1)
    assert as_lot(a_lot()).sellable(day)
    assert as_lot(a_lot(expiry_date=day)).sellable(day)
    assert not as_lot(a_lot(expiry_date=day)).sellable(next_day)
    assert not as_lot(a_lot(blocked=True)).sellable(day)


def test_a_lot_is_in_stock_while_any_unit_is_on_hand() -> None:
    assert (lot_seen(a_lot(), 3).status, lot_seen(a_lot(), 0).status) == ("in_stock", "registered")
