"""Events published about replenishment rules and movements."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.ledger.entry import StockCardEntry
from services.ics.replenishment.domain import ReplenishmentRule


class ReplenishmentRecorded(Value):
    """The entries that moved the units, and the rule that caused the move, if any."""

    operation_id: str
    rule_id: str | None
    entries: list[StockCardEntry]


class ReplenishmentRuleSaved(Value):
    """The rule after the change."""

    rule: ReplenishmentRule


EVENTS = [
    EventType(
        type="ics.replenishment.recorded",
        subject="operation_id",
        body=ReplenishmentRecorded,
        summary="Goods went from overstock to a pick place.",
    ),
    EventType(
        type="ics.replenishment_rule.saved",
        subject="rule_id",
        body=ReplenishmentRuleSaved,
        summary="A rule was made or changed; it holds from now on.",
    ),
    EventType(
        type="ics.replenishment_rule.status_changed",
        subject="rule_id",
        body=ReplenishmentRuleSaved,
        summary="A rule was paused, taken up again, or archived for good.",
    ),
]
