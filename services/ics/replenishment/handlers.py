"""The replenishment endpoints, specified in the contract's ics.yaml."""

from collections.abc import Sequence

from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Guid, Id, Lot, Qty, Reason
from services.ics.bin.domain import admit
from services.ics.bin.store import places_of
from services.ics.commit.answers import StockCardEntryEnvelope
from services.ics.ledger.draw import Pin
from services.ics.replenishment.domain import (
    ReplenishmentRule,
    ReplenishmentSuggestion,
    RuleStatus,
    replenish,
    set_status,
)
from services.ics.replenishment.moving import move_by_rule, replenished
from services.ics.replenishment.store import RULES, list_rules, rule_at
from services.ics.replenishment.suggest import suggestion_of, suggestions
from services.ics.status import StatusRequest, with_status
from services.ics.stock.posting import posting
from services.ics.words import PLANNER, READ, load_here

endpoints = Endpoints("ics", "/replenishment")

_LEFT_OUT = ("variant_id", "from_zone_id", "from_bin_id", "to_zone_id", "to_bin_id")
_REQUIRED = ("variant_id", "quantity", "from_zone_id", "to_zone_id")


class ReplenishmentRecordRequest(Request):
    rule_id: Id | None = None
    variant_id: Guid | None = None
    quantity: Qty | None = None
    from_zone_id: Id | None = None
    from_bin_id: Id | None = None
    to_zone_id: Id | None = None
    to_bin_id: Id | None = None
    lot_code: Lot | None = None
    reason: Reason | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.rule_id is not None:
            return [(name, "is the rule's") for name in _LEFT_OUT if getattr(self, name) is not None]
        missing = [(name, "is required without rule_id") for name in _REQUIRED if getattr(self, name) is None]
        if not missing and (self.from_zone_id, self.from_bin_id) == (self.to_zone_id, self.to_bin_id):
            return [("to_zone_id", "is where the units are")]
        return missing


@endpoints.post(
    "/record",
    roles=PLANNER,
    needs=["logical_guid"],
    emits=["ics.replenishment.recorded"],
    refusals={
        "insufficient_stock": "fewer available units there, or nothing recommended",
        "conflict_state": "the rule is archived or lacks an overstock place; a place is inactive or full",
    },
)
async def ics_replenishment_record(
    call: Call, change: Change, body: ReplenishmentRecordRequest
) -> StockCardEntryEnvelope:
    """Move available units from overstock to pick, by a rule or between the places in the request."""
    if body.rule_id is not None:
        rule = await load_here(change, RULES, body.rule_id)
        return await move_by_rule(change, rule, body.quantity, lot_code=body.lot_code, reason=body.reason)
    assert body.variant_id is not None
    assert body.quantity is not None
    source, target = await places_of(
        change,
        call.logical_guid,
        [(body.from_zone_id, body.from_bin_id, "from_"), (body.to_zone_id, body.to_bin_id, "to_")],
    )
    landing = admit(target).landing()
    admit(source)
    pin = Pin(source.zone_id, source.bin_id, body.lot_code, away=(landing.zone_id, landing.bin_id))
    async with posting(change, "replenishment", reason=body.reason, listed=True) as p:
        item = await p.open(body.variant_id)
        replenish(p, item, body.quantity, pin, landing)
        return replenished(change, p, rule_id=None)


class ReplenishmentRuleEnvelope(Answer):
    rule: ReplenishmentRule


class ReplenishmentRuleGetRequest(Request):
    rule_id: Id


@endpoints.post("/rule/get", roles=READ)
async def ics_replenishment_rule_get(view: View, body: ReplenishmentRuleGetRequest) -> ReplenishmentRuleEnvelope:
    """Show a rule."""
    return ReplenishmentRuleEnvelope(rule=await view.load(RULES, body.rule_id))


class ReplenishmentRuleListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    pick_zone_id: Id | None = None
    status: RuleStatus | None = None


class ReplenishmentRuleListEnvelope(Listed[ReplenishmentRule]):
    """One page of them."""


@endpoints.post("/rule/list", roles=READ)
async def ics_replenishment_rule_list(view: View, body: ReplenishmentRuleListRequest) -> ReplenishmentRuleListEnvelope:
    """List rules, newest first."""
    wanted = {
        "logical_guid": body.logical_guid,
        "variant_id": body.variant_id,
        "pick_zone_id": body.pick_zone_id,
        "status": body.status,
    }
    page = await list_rules(view, wanted, body)
    return ReplenishmentRuleListEnvelope.of(page)


class ReplenishmentRuleSetRequest(Revised):
    variant_id: Guid
    pick_zone_id: Id
    pick_bin_id: Id | None = None
    overstock_zone_id: Id | None = None
    overstock_bin_id: Id | None = None
    min_qty: Qty
    max_qty: Qty
    multiple: Qty | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        found = []
        if self.max_qty < self.min_qty:
            found.append(("max_qty", "must be at least min_qty"))
        if self.overstock_zone_id is not None and (self.overstock_zone_id, self.overstock_bin_id) == (
            self.pick_zone_id,
            self.pick_bin_id,
        ):
            found.append(("overstock_zone_id", "is the pick place"))
        return found


@endpoints.post("/rule/set", roles=PLANNER, needs=["logical_guid"], emits=["ics.replenishment_rule.saved"])
async def ics_replenishment_rule_set(
    call: Call, change: Change, body: ReplenishmentRuleSetRequest
) -> ReplenishmentRuleEnvelope:
    """Create or change the rule of a pick place; an overstock zone or bin that is left out is cleared."""
    pick, over = await places_of(
        change,
        call.logical_guid,
        [(body.pick_zone_id, body.pick_bin_id, "pick_"), (body.overstock_zone_id, body.overstock_bin_id, "overstock_")],
    )
    if over.zone is not None and (pick.zone_id, pick.bin_id) == (over.zone_id, over.bin_id):
        raise invalid_field("overstock_zone_id", "is the pick place")
    known = await rule_at(change, call.logical_guid, body.variant_id, body.pick_zone_id, body.pick_bin_id)
    if known is None:
        known = ReplenishmentRule(
            rule_id=change.new_id(),
            logical_guid=call.logical_guid,
            variant_id=body.variant_id,
            pick_zone_id=body.pick_zone_id,
            pick_bin_id=body.pick_bin_id,
            min_qty=body.min_qty,
            max_qty=body.max_qty,
        )
    else:
        known = await change.load(RULES, known.rule_id, body.expected_revision)
    rule = replace(
        known,
        overstock_zone_id=over.zone_id,
        overstock_bin_id=over.bin_id,
        min_qty=body.min_qty,
        max_qty=body.max_qty,
        multiple=body.multiple or known.multiple,
    )
    rule = await (change.update(RULES, rule) if rule.revision else change.insert(RULES, rule))
    change.emit("ics.replenishment_rule.saved", rule.rule_id, rule=rule)
    return ReplenishmentRuleEnvelope(rule=rule)


class ReplenishmentRuleStatusSetRequest(StatusRequest[RuleStatus]):
    rule_id: Id


@endpoints.post(
    "/rule/status/set",
    roles=PLANNER,
    emits=["ics.replenishment_rule.status_changed"],
    refusals={"conflict_state": "already so, or archived"},
)
async def ics_replenishment_rule_status_set(
    change: Change, body: ReplenishmentRuleStatusSetRequest
) -> ReplenishmentRuleEnvelope:
    """Pause, resume or permanently archive a rule."""
    rule = await with_status(change, RULES, body.rule_id, body, set_status)
    change.emit("ics.replenishment_rule.status_changed", rule.rule_id, rule=rule)
    return ReplenishmentRuleEnvelope(rule=rule)


class ReplenishmentSuggestRequest(Request, PageRequest):
    rule_id: Id | None = None
    variant_id: Guid | None = None
    pick_zone_id: Id | None = None


class ReplenishmentSuggestEnvelope(Listed[ReplenishmentSuggestion]):
    """One page of them."""


@endpoints.post("/suggest", roles=PLANNER, needs=["logical_guid"], snapshot=True)
async def ics_replenishment_suggest(
    call: Call, view: View, body: ReplenishmentSuggestRequest
) -> ReplenishmentSuggestEnvelope:
    """List what a sweep would do now for each active rule below its minimum."""
    wanted = {
        "logical_guid": call.logical_guid,
        "status": "active",
        "variant_id": body.variant_id,
        "pick_zone_id": body.pick_zone_id,
    }
    if body.rule_id is not None:
        page = await suggestion_of(view, body.rule_id, wanted)
    else:
        page = await suggestions(view, wanted, body)
    return ReplenishmentSuggestEnvelope.of(page)
