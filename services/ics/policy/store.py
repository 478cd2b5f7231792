"""Storage of stock policies, one for each scope."""

from collections.abc import Iterable

from chassis.entity import HUB, Entity, edge, index, unique
from chassis.finder import found_by
from chassis.unit import View
from services.ics.policy.domain import PolicyValues, Scope, StockPolicy, effective, scope_keys

POLICIES = Entity(
    "stock_policy",
    StockPolicy,
    collection="policies",
    id="policy_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "POLICY#{policy_id}"),
    indexes=[
        unique("variant_key", "logical_key", name="scope", refusal="the scope has a policy"),
        index("policy_id"),
        index("variant_key", "policy_id", name="variant"),
        index("logical_key", "policy_id", name="facility"),
    ],
    finders={"variant_id": found_by(variant_key="{value}"), "logical_guid": found_by(logical_key="{value}")},
    edges=[
        edge("for", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
    ],
    derived={
        "variant_key": lambda policy: policy.variant_id or "",
        "logical_key": lambda policy: policy.logical_guid or "",
    },
    label="{variant_id} @ {logical_guid}",
)


async def ruling(view: View, variant_id: str | None, logical_guid: str | None) -> tuple[PolicyValues, Scope]:
    """The policy values in effect for a variant in a facility, and the scope they come from. Index: scope."""
    stored = await view.lookup_many(POLICIES, "scope", scope_keys(variant_id, logical_guid))
    return effective(stored, variant_id, logical_guid)


async def ruling_many(view: View, items: Iterable[tuple[str, str]]) -> dict[tuple[str, str], PolicyValues]:
    """The policy values in effect for each (variant, facility), read in one round trip. Index: scope."""
    asked = list(dict.fromkeys(items))
    keys = dict.fromkeys(key for item in asked for key in scope_keys(*item))
    stored = await view.lookup_many(POLICIES, "scope", keys)
    return {item: effective(stored, *item)[0] for item in asked}
