"""Events published about stock policies."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.policy.domain import StockPolicy


class StockPolicySaved(Value):
    """The policy after the change."""

    policy: StockPolicy


EVENTS = [
    EventType(
        type="ics.stock_policy.saved",
        subject="policy_id",
        body=StockPolicySaved,
        summary="A policy was made or changed; it rules from now on.",
    )
]
