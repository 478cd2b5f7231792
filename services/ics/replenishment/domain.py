"""Replenishment rules: each keeps the stock of a variant in a pick place between a minimum and a maximum. Pure.

Units are moved to the pick place from an overstock place:

    pick      = available units of sellable lots in the pick place
    over      = available units of sellable lots in the overstock place
    recommend = min(max_qty - pick, over), at least 0, rounded down to a whole multiple

A zone without a bin covers all its bins. Units that are already in the pick place do not count as overstock.
"""

from typing import Literal

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Date, Utc, from_seconds, to_millis
from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Guid, Id, Qty, Qty0
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import Pin, count_free, draw
from services.ics.ledger.leg import Leg
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.remarks import Remarks

RuleStatus = Literal["active", "paused", "archived"]
Outcome = Literal["move", "missing_overstock", "no_stock"]


class ReplenishmentRule(Record):
    """How many units of a variant to keep in a pick place.

    Without a bin, a place is the whole zone. Without an overstock zone the rule moves nothing.
    """

    rule_id: Id
    logical_guid: Guid
    variant_id: Guid
    pick_zone_id: Id
    pick_bin_id: Id | None = None
    overstock_zone_id: Id | None = None
    overstock_bin_id: Id | None = None
    min_qty: Qty
    max_qty: Qty
    multiple: Qty = 1
    status: RuleStatus = "active"
    remarks: Remarks = field(default_factory=list)


class ReplenishmentSuggestion(Value):
    """A rule whose pick place is below its minimum, and what a sweep would do for it. Quantities are in units."""

    rule_id: Id
    variant_id: Guid
    pick_quantity: Qty0
    min_qty: Qty
    max_qty: Qty
    overstock_quantity: Qty0
    recommended_quantity: Qty0
    outcome: Outcome


class Standing(Value):
    """The stock of a rule: units in its pick and overstock places, and how many to move."""

    pick: int
    over: int
    recommended: int


def check_open(rule: ReplenishmentRule) -> None:
    """Raises `InvalidState` if the rule is archived: it cannot be changed and moves no units."""
    if rule.status == "archived":
        raise InvalidState("the rule is archived", status=rule.status)


def set_status(rule: ReplenishmentRule, status: RuleStatus) -> ReplenishmentRule:
    """The rule with the new status. Raises `InvalidState` if it is archived or already has that status."""
    check_open(rule)
    if rule.status == status:
        raise InvalidState(f"the rule is already {status}", status=rule.status)
    return replace(rule, status=status)


def source_pin(rule: ReplenishmentRule) -> Pin:
    """The place from which a rule takes units: its overstock place without its pick place."""
    away = (rule.pick_zone_id, rule.pick_bin_id)
    return Pin(rule.overstock_zone_id, rule.overstock_bin_id, away=away)


def recommend(pick: int, over: int, max_qty: int, multiple: int) -> int:
    """How many units to move: as many as fit and are in overstock, in whole multiples."""
    return max(0, min(max_qty - pick, over)) // multiple * multiple


def standing(rule: ReplenishmentRule, item: OpenItem, today: Date, *, overstocked: bool) -> Standing:
    """The stock of a rule; `overstocked` says whether it has an active overstock place."""
    pick = count_free(item, "available", Pin(rule.pick_zone_id, rule.pick_bin_id), today=today)
    over = count_free(item, "available", source_pin(rule), today=today) if overstocked else 0
    return Standing(pick=pick, over=over, recommended=recommend(pick, over, rule.max_qty, rule.multiple))


def outcome_of(stands: Standing, *, overstocked: bool) -> Outcome:
    """The result of a sweep for a rule below its minimum."""
    if not overstocked:
        return "missing_overstock"
    return "move" if stands.recommended else "no_stock"


def suggested(
    rule: ReplenishmentRule, item: OpenItem, today: Date, *, overstocked: bool
) -> ReplenishmentSuggestion | None:
    """What a sweep would do for a rule; None if the pick place has enough units."""
    stands = standing(rule, item, today, overstocked=overstocked)
    if stands.pick >= rule.min_qty:
        return None
    return ReplenishmentSuggestion(
        rule_id=rule.rule_id,
        variant_id=rule.variant_id,
        pick_quantity=stands.pick,
        min_qty=rule.min_qty,
        max_qty=rule.max_qty,
        overstock_quantity=stands.over,
        recommended_quantity=stands.recommended,
        outcome=outcome_of(stands, overstocked=overstocked),
    )


def replenish(posting: Posting, item: OpenItem, quantity: int, pin: Pin, target: Landing) -> None:
    """Move available units to a place. Units of an unsellable lot move only if `pin` names that lot.

    Raises `InsufficientStock` if fewer than `quantity` units match.
    """
    today = None if pin.lot_code is not None else posting.today
    there = count_free(item, "available", pin, today=today)
    if there < quantity:
        raise insufficient(item, "available", quantity, there, "fewer available units are there")
    left = quantity
    while left:
        # Draw one position at a time: landed units may at once be assigned to promises made beyond the stock.
        takes, _ = draw(item, "available", left, pin, today=today)
        if not takes:
            raise insufficient(item, "available", quantity, quantity - left, "fewer available units are there")
        key, units, _ = takes[0]
        landing = posting.land(item, target, key.lot_code)
        posting.move("replenish", units, Leg(item, "available", key), Leg(item, "available", landing))
        left -= units


def window_start(as_of: Utc, minutes: int) -> Utc:
    """The start of the window that contains `as_of`. Windows are counted from 1970-01-01 UTC.

    Raises `Invalid` naming `as_of_utc` if it is not a valid time.
    """
    try:
        millis = to_millis(as_of)
    except ValueError as cause:
        raise invalid_field("as_of_utc", "is no instant there is") from cause
    length = minutes * 60_000
    return from_seconds(millis // length * length / 1000)
