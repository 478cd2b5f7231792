"""The stock policy endpoints, specified in the contract's ics.yaml."""

from msgspec.structs import replace

from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.unit import Change, View
from chassis.values import Guid, Qty0
from services.ics.policy.domain import (
    BUILT_IN,
    PolicyValues,
    PromiseSeconds,
    Qc,
    Scope,
    StockPolicy,
    Tracking,
    scope_key,
    scope_word,
    with_changes,
)
from services.ics.policy.store import POLICIES, ruling
from services.ics.words import PLANNER, READ

endpoints = Endpoints("ics", "/stock/policy")


class StockPolicyEnvelope(Answer):
    policy: StockPolicy | None
    effective: PolicyValues
    effective_scope: Scope


class StockPolicyGetRequest(Request):
    variant_id: Guid | None = None
    logical_guid: Guid | None = None


@endpoints.post("/get", roles=READ, snapshot=True)
async def ics_stock_policy_get(view: View, body: StockPolicyGetRequest) -> StockPolicyEnvelope:
    """Show the policy stored for exactly this scope, and the policy in effect there."""
    policy = await view.lookup(POLICIES, "scope", *scope_key(body.variant_id, body.logical_guid))
    values, scope = await ruling(view, body.variant_id, body.logical_guid)
    return StockPolicyEnvelope(policy=policy, effective=values, effective_scope=scope)


class StockPolicySetRequest(Revised):
    variant_id: Guid | None = None
    logical_guid: Guid | None = None
    tracking: Tracking | None = None
    qc: Qc | None = None
    safety_stock: Qty0 | None = None
    backorder_limit: Qty0 | None = None
    reservation_ttl_seconds: PromiseSeconds | None = None
    allocation_ttl_seconds: PromiseSeconds | None = None
    reservation_max_seconds: PromiseSeconds | None = None

    def values(self) -> dict[str, object]:
        """The requested policy values by name; None for each value that is not to change."""
        return {field: getattr(self, field) for field in PolicyValues.__struct_fields__}


@endpoints.post("/set", roles=PLANNER, idempotent=True, emits=["ics.stock_policy.saved"])
async def ics_stock_policy_set(change: Change, body: StockPolicySetRequest) -> StockPolicyEnvelope:
    """Create or change the policy of a scope; existing promises stay as they are."""
    key = scope_key(body.variant_id, body.logical_guid)
    policy = await change.lookup(POLICIES, "scope", *key)
    if policy is None:
        policy = await change.insert(
            POLICIES,
            StockPolicy(
                policy_id=change.new_id(),
                variant_id=body.variant_id,
                logical_guid=body.logical_guid,
                values=with_changes(BUILT_IN, body.values()),
            ),
        )
    else:
        policy = await change.load(POLICIES, policy.policy_id, body.expected_revision)
        policy = await change.update(POLICIES, replace(policy, values=with_changes(policy.values, body.values())))
    change.emit("ics.stock_policy.saved", policy.policy_id, policy=policy)
    return StockPolicyEnvelope(policy=policy, effective=policy.values, effective_scope=scope_word(key))
