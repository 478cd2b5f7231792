"""Replenishment rules: what keeps a pick place of a variant between two quantities from an overstock place. Pure.

    pick      = available units of sellable lots in the pick place
    over      = available units of sellable lots in the overstock place
    recommend = min(max_qty - pick, over), cut down to whole multiples

A zone named without a bin covers all its bins; units that already lie where the move would put them count as pick only.
"""

from typing import Literal

from msgspec.structs import replace

from chassis.clock import Date, Utc, from_seconds, to_millis
from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Guid, Id, Qty, Qty0
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import Pin, count_free, draw
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient

RuleStatus = Literal["active", "paused", "archived"]
Outcome = Literal["move", "missing_overstock", "no_stock"]


class ReplenishmentRule(Record):
    """What to keep where of one variant; no bin means all of the zone. Without an overstock zone nothing is moved."""

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


class ReplenishmentSuggestion(Value):
    """A rule whose pick place is below its minimum, and what a sweep would do about it."""

    rule_id: Id
    variant_id: Guid
    pick_quantity: Qty0
    min_qty: Qty
    max_qty: Qty
    overstock_quantity: Qty0
    recommended_quantity: Qty0
    outcome: Outcome


class Standing(Value):
    """How a rule stands: units in its two places, and how many should move."""

    pick: int
    over: int
    recommended: int


def check_open(rule: ReplenishmentRule) -> None:
    """Refuse to change a rule that is archived, or to move units by it."""
    if rule.status == "archived":
        raise InvalidState("the rule is archived", status=rule.status)


def set_status(rule: ReplenishmentRule, status: RuleStatus) -> ReplenishmentRule:
    """The rule in another status; archived is final."""
    check_open(rule)
    if rule.status == status:
        raise InvalidState(f"the rule is already {status}", status=rule.status)
    return replace(rule, status=status)


def source_pin(rule: ReplenishmentRule) -> Pin:
    """Where a rule takes units from: never from where they are to go."""
    away = (rule.pick_zone_id, rule.pick_bin_id)
    return Pin(rule.overstock_zone_id, rule.overstock_bin_id, away=away)


def recommend(pick: int, over: int, max_qty: int, multiple: int) -> int:
    """How many units should move: as many as fit and are there, in whole multiples."""
    return max(0, min(max_qty - pick, over)) // multiple * multiple


def standing(rule: ReplenishmentRule, page: OpenItem, today: Date, *, overstocked: bool) -> Standing:
    """How a rule stands; `overstocked` says whether it has an overstock place that is active."""
    pick = count_free(page, "available", Pin(rule.pick_zone_id, rule.pick_bin_id), today=today)
    over = count_free(page, "available", source_pin(rule), today=today) if overstocked else 0
    return Standing(pick=pick, over=over, recommended=recommend(pick, over, rule.max_qty, rule.multiple))


def outcome_of(stands: Standing, *, overstocked: bool) -> Outcome:
    """What a sweep would find, of a rule below its minimum."""
    if not overstocked:
        return "missing_overstock"
    return "move" if stands.recommended else "no_stock"


def suggested(
    rule: ReplenishmentRule, page: OpenItem, today: Date, *, overstocked: bool
) -> ReplenishmentSuggestion | None:
    """What a sweep would do about a rule; None where the pick place has enough."""
    stands = standing(rule, page, today, overstocked=overstocked)
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


def replenish(posting: Posting, page: OpenItem, quantity: int, pin: Pin, target: Landing) -> None:
    """Move available units to a place; refused where there are fewer. Unsellable lots go only where they are named."""
    today = None if pin.lot_code is not None else posting.today
    there = count_free(page, "available", pin, today=today)
    if there < quantity:
        raise insufficient(page, "available", quantity, there, "fewer available units are there")
    left = quantity
    while left:
        # One position at a time: what lands may at once be exchanged for what was promised beyond stock.
        takes, _ = draw(page, "available", left, pin, today=today)
        if not takes:
            raise insufficient(page, "available", quantity, quantity - left, "fewer available units are there")
        spot, units = takes[0]
        landing = posting.land(page, target, spot.lot_code)
        posting.move("replenish", units, Leg(page, "available", spot), Leg(page, "available", landing))
        left -= units


def window_start(as_of: Utc, minutes: int) -> Utc:
    """The start of the window an instant falls in: windows follow one another from 1970 on."""
    try:
        millis = to_millis(as_of)
    except ValueError as cause:
        raise invalid_field("as_of_utc", "is no instant there is") from cause
    length = minutes * 60_000
    return from_seconds(millis // length * length / 1000)
