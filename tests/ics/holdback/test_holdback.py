import pytest

from chassis.clock import Utc, later
from services.ics.holdback.domain import HoldbackStatus, held_back, replaced, seen, status_of
from tests.ics.given import NOON, a_holdback

BEFORE, AFTER = later(NOON, -1), later(NOON, 1)


@pytest.mark.parametrize(
    ("quantity", "starts", "ends", "status"),
    [
        (5, None, None, "active"),
        (5, NOON, None, "active"),
        (5, AFTER, None, "scheduled"),
        (5, None, AFTER, "active"),
        (5, None, NOON, "ended"),
        (5, BEFORE, NOON, "ended"),
        (0, AFTER, None, "cleared"),
        (0, None, BEFORE, "cleared"),
    ],
)
def test_the_status_follows_from_quantity_and_time(
    quantity: int, starts: Utc | None, ends: Utc | None, status: HoldbackStatus
) -> None:
    holdback = a_holdback(quantity=quantity, starts_utc=starts, ends_utc=ends)
    assert status_of(holdback, NOON) == status
    assert seen(holdback, NOON).status == status


def test_holdbacks_of_the_channel_and_of_every_channel_add_up() -> None:
    holdbacks = [
        a_holdback(channel_code="WEB", quantity=8),
        a_holdback(channel_code="SHOP", quantity=4),
        a_holdback(channel_code=None, quantity=2),
        a_holdback(channel_code="WEB", quantity=16, starts_utc=AFTER),
    ]
    assert held_back(holdbacks, "WEB", NOON) == 10
    assert held_back(holdbacks, "SHOP", NOON) == 6
    assert held_back(holdbacks, None, NOON) == 2


def test_a_set_replaces_what_was_said_before() -> None:
    holdback = a_holdback(quantity=5, reason="launch", ends_utc=AFTER)
    cleared = replaced(holdback, 0, None, None, None)
    assert (cleared.quantity, cleared.reason, cleared.ends_utc) == (0, None, None)
    assert status_of(replaced(cleared, 3, None, None, None), NOON) == "active"
