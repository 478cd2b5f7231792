"""Stock policies: the rules for a variant in a facility, and which policy applies when there are several.

A policy is stored for a scope: a variant and a facility, either of which can be left open to mean all. The policy with
the most specific scope applies as a whole; no value is inherited from a wider scope. Pure.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.values import Guid, Id, Qty0

Tracking = Literal["none", "lot", "serial"]
Qc = Literal["required", "skip"]
Scope = Literal["variant_facility", "variant", "facility", "org", "default"]
PromiseSeconds = Annotated[int, Meta(ge=1, le=2_592_000)]

RESERVATION_SECONDS_DEFAULT = 900
ALLOCATION_SECONDS_DEFAULT = 86_400
RESERVATION_SECONDS_MAX = 2_592_000

ScopeKey = tuple[str, str]
"""Variant and facility of a scope; "" stands for all."""


class PolicyValues(Value):
    """The values of a policy. The defaults are those of the built-in policy. Stock values are in units.

    `reservation_max_seconds` limits how long a reservation may last from its creation, extensions included.
    """

    tracking: Tracking = "none"
    qc: Qc = "required"
    safety_stock: Qty0 = 0
    backorder_limit: Qty0 = 0
    reservation_ttl_seconds: PromiseSeconds = RESERVATION_SECONDS_DEFAULT
    allocation_ttl_seconds: PromiseSeconds = ALLOCATION_SECONDS_DEFAULT
    reservation_max_seconds: PromiseSeconds = RESERVATION_SECONDS_MAX


BUILT_IN = PolicyValues()


class StockPolicy(Record):
    """The policy of one scope. A `variant_id` or `logical_guid` of None stands for all variants or all facilities."""

    policy_id: Id
    variant_id: Guid | None
    logical_guid: Guid | None
    values: PolicyValues


def scope_key(variant_id: str | None, logical_guid: str | None) -> ScopeKey:
    """The key under which the policy of a scope is stored."""
    return (variant_id or "", logical_guid or "")


def scope_keys(variant_id: str | None, logical_guid: str | None) -> list[ScopeKey]:
    """The scopes whose policies can apply to a variant in a facility, most specific first; None leaves a side open."""
    widest = [scope_key(variant_id, logical_guid), scope_key(variant_id, None)]
    widest += [scope_key(None, logical_guid), scope_key(None, None)]
    return list(dict.fromkeys(widest))


def effective(
    stored: Mapping[ScopeKey, StockPolicy], variant_id: str | None, logical_guid: str | None
) -> tuple[PolicyValues, Scope]:
    """The policy values in effect for a variant in a facility, and the scope they come from."""
    for key in scope_keys(variant_id, logical_guid):
        if (policy := stored.get(key)) is not None:
            return policy.values, scope_word(key)
    return BUILT_IN, "default"


def scope_word(key: ScopeKey) -> Scope:
    """The name of a scope, as answers show it."""
    match bool(key[0]), bool(key[1]):
        case True, True:
            return "variant_facility"
        case True, False:
            return "variant"
        case False, True:
            return "facility"
        case _:
            return "org"


def with_changes(values: PolicyValues, changes: Mapping[str, object]) -> PolicyValues:
    """The values after a change. A change of None keeps the current value."""
    return replace(values, **{field: value for field, value in changes.items() if value is not None})
