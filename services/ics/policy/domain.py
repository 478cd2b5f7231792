"""Stock policies: what is asked of a variant in a facility, and which policy rules when several could.

A policy is stored for a scope, the pair of variant and facility with either left open. The most specific one rules, as
a whole: nothing is inherited from a wider scope.
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

ScopeKey = tuple[str, str]
"""Variant and facility of a scope; "" stands for every one."""


class PolicyValues(Value):
    """What a policy says. The defaults are the built-in policy's."""

    tracking: Tracking = "none"
    qc: Qc = "required"
    safety_stock: Qty0 = 0
    backorder_limit: Qty0 = 0
    reservation_ttl_seconds: PromiseSeconds = RESERVATION_SECONDS_DEFAULT
    allocation_ttl_seconds: PromiseSeconds = ALLOCATION_SECONDS_DEFAULT


BUILT_IN = PolicyValues()


class StockPolicy(Record):
    """The policy of one scope; None in `variant_id` or `logical_guid` leaves that side open."""

    policy_id: Id
    variant_id: Guid | None
    logical_guid: Guid | None
    values: PolicyValues


def scope_key(variant_id: str | None, logical_guid: str | None) -> ScopeKey:
    """The key under which the policy of a scope is stored."""
    return (variant_id or "", logical_guid or "")


def scope_keys(variant_id: str | None, logical_guid: str | None) -> list[ScopeKey]:
    """The scopes whose policies could rule here, most specific first; a side left open has no narrower scopes."""
    widest = [scope_key(variant_id, logical_guid), scope_key(variant_id, None)]
    widest += [scope_key(None, logical_guid), scope_key(None, None)]
    return list(dict.fromkeys(widest))


def effective(
    stored: Mapping[ScopeKey, StockPolicy], variant_id: str | None, logical_guid: str | None
) -> tuple[PolicyValues, Scope]:
    """The values that rule for a variant in a facility, and the scope they come from."""
    for key in scope_keys(variant_id, logical_guid):
        if (policy := stored.get(key)) is not None:
            return policy.values, scope_word(key)
    return BUILT_IN, "default"


def scope_word(key: ScopeKey) -> Scope:
    """The word for a scope."""
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
    """The values after a change; a value that is None stays as it was."""
    return replace(values, **{field: value for field, value in changes.items() if value is not None})
