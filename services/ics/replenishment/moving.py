"""Moves units by a rule. Shared by replenishment/record and the sweep."""

from chassis.clock import day_of
from chassis.errors import InvalidState
from chassis.unit import Change
from services.ics.bin.domain import Place, admit
from services.ics.bin.store import places_of
from services.ics.commit.answers import StockCardEntryEnvelope, moved
from services.ics.ledger.posting import insufficient
from services.ics.replenishment.domain import ReplenishmentRule, check_open, replenish, source_pin, standing
from services.ics.stock.posting import LedgerPosting, posting


async def places_by(change: Change, rule: ReplenishmentRule) -> tuple[Place, Place]:
    """A rule's pick place and its overstock place."""
    named = [
        (rule.pick_zone_id, rule.pick_bin_id, "pick_"),
        (rule.overstock_zone_id, rule.overstock_bin_id, "overstock_"),
    ]
    pick, over = await places_of(change, rule.logical_guid, named)
    return pick, over


async def move_by_rule(
    change: Change,
    rule: ReplenishmentRule,
    quantity: int | None = None,
    *,
    lot_code: str | None = None,
    reason: str | None = None,
) -> StockCardEntryEnvelope:
    """Move `quantity` units by a rule, or the recommended number if it is None; the rule is the entries' document.

    Raises `InvalidState` if the rule is archived, has no overstock place, or one of its places is inactive or full, and
    `InsufficientStock` if there are too few units or nothing is recommended.
    """
    check_open(rule)
    pick, over = await places_by(change, rule)
    if over.zone is None:
        raise InvalidState("the rule has no overstock place", status=rule.status)
    admit(over)
    landing = admit(pick).landing()
    async with posting(change, "replenishment", rule.rule_id, reason=reason, listed=True) as p:
        item = await p.open(rule.variant_id)
        if quantity is None:
            stands = standing(rule, item, day_of(change.now), overstocked=True)
            quantity = stands.recommended
            if not quantity:
                lacking = max(1, min(rule.multiple, rule.max_qty - stands.pick))
                raise insufficient(item, "available", lacking, stands.over, "nothing is recommended")
        replenish(p, item, quantity, source_pin(rule)._replace(lot_code=lot_code), landing)
        return replenished(change, p, rule.rule_id)


def replenished(change: Change, p: LedgerPosting, rule_id: str | None) -> StockCardEntryEnvelope:
    """Emit `ics.replenishment.recorded` and return the answer; `rule_id` is None for a move without a rule."""
    answer = moved(p)
    body = {"operation_id": answer.operation_id, "rule_id": rule_id, "entries": answer.entries}
    # An operation has no record of its own and exactly one event, so its revision is always 1.
    change.emit("ics.replenishment.recorded", answer.operation_id, revision=1, **body)
    return answer
