import pytest

from chassis.errors import InvalidState
from services.ics.zone.domain import set_status
from tests.ics.given import a_zone


def test_an_empty_zone_can_be_closed() -> None:
    assert set_status(a_zone(), "inactive", units_held=0).status == "inactive"


def test_a_closed_zone_can_be_opened_again() -> None:
    assert set_status(a_zone(status="inactive"), "active", units_held=0).status == "active"


def test_a_zone_that_holds_units_stays_open() -> None:
    with pytest.raises(InvalidState) as refused:
        set_status(a_zone(), "inactive", units_held=3)
    assert refused.value.details == {"status": "active", "units_held": 3}


@pytest.mark.parametrize("status", ["active", "inactive"])
def test_a_zone_is_not_given_the_status_it_has(status: str) -> None:
    with pytest.raises(InvalidState) as refused:
        set_status(a_zone(status=status), a_zone(status=status).status, units_held=0)
    assert refused.value.details == {"status": status}
