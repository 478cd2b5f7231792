import pytest

from chassis.errors import InvalidState
from services.ics.bin.domain import Place, admit, check_open, set_status
from tests.ics.given import a_bin, a_zone


def test_a_closed_zone_gets_no_new_bin() -> None:
    check_open(a_zone())
    with pytest.raises(InvalidState):
        check_open(a_zone(status="inactive"))


def test_an_empty_bin_can_be_closed_and_opened() -> None:
    closed = set_status(a_bin(), "inactive", units_held=0)
    assert set_status(closed, "active", units_held=0).status == "active"


def test_a_bin_that_holds_units_stays_open() -> None:
    with pytest.raises(InvalidState) as refused:
        set_status(a_bin(), "inactive", units_held=1)
    assert refused.value.details["units_held"] == 1


def test_a_bin_is_not_given_the_status_it_has() -> None:
    with pytest.raises(InvalidState):
        set_status(a_bin(), "active", units_held=0)


def test_units_go_to_open_places_only() -> None:
    open_place = Place(zone=a_zone(), bin=a_bin())
    assert admit(open_place) is open_place
    for closed in (
        Place(zone=a_zone(status="inactive")),
        Place(zone=a_zone(status="inactive"), bin=a_bin()),
        Place(zone=a_zone(), bin=a_bin(status="inactive")),
    ):
        with pytest.raises(InvalidState):
            admit(closed)
