import pytest

from services.ics.policy.domain import (
    BUILT_IN,
    Scope,
    StockPolicy,
    effective,
    scope_key,
    scope_keys,
    scope_word,
    with_changes,
)
from tests.ics.given import FACILITY, VARIANT, a_policy

SCOPES: list[tuple[str | None, str | None, Scope]] = [
    (VARIANT, FACILITY, "variant_facility"),
    (VARIANT, None, "variant"),
    (None, FACILITY, "facility"),
    (None, None, "org"),
]


def stored(*policies: StockPolicy) -> dict[tuple[str, str], StockPolicy]:
    return {scope_key(policy.variant_id, policy.logical_guid): policy for policy in policies}


@pytest.mark.parametrize("first", range(len(SCOPES)))
def test_the_most_specific_policy_rules(first: int) -> None:
    policies = [a_policy(variant, facility, safety_stock=at) for at, (variant, facility, _) in enumerate(SCOPES)]
    values, scope = effective(stored(*policies[first:]), VARIANT, FACILITY)
    assert (values.safety_stock, scope) == (first, SCOPES[first][2])


def test_the_built_in_policy_rules_where_none_is_stored() -> None:
    assert effective({}, VARIANT, FACILITY) == (BUILT_IN, "default")
    assert (BUILT_IN.tracking, BUILT_IN.qc, BUILT_IN.reservation_ttl_seconds) == ("none", "required", 900)


def test_a_policy_rules_as_a_whole() -> None:
    policies = stored(a_policy(None, None, backorder_limit=9), a_policy(VARIANT, None, safety_stock=2))
    values, _ = effective(policies, VARIANT, FACILITY)
    assert (values.safety_stock, values.backorder_limit) == (2, 0)


def test_a_side_left_open_is_ruled_by_no_narrower_scope() -> None:
    policies = stored(a_policy(VARIANT, FACILITY, safety_stock=1), a_policy(VARIANT, None, safety_stock=2))
    assert effective(policies, None, FACILITY) == (BUILT_IN, "default")
    assert effective(policies, VARIANT, None)[0].safety_stock == 2


@pytest.mark.parametrize(("variant", "facility", "word"), SCOPES)
def test_a_scope_has_its_word_and_comes_first_of_those_that_could_rule(
    variant: str | None, facility: str | None, word: Scope
) -> None:
    assert scope_word(scope_key(variant, facility)) == word
    assert scope_keys(variant, facility)[0] == scope_key(variant, facility)
    assert scope_keys(variant, facility)[-1] == ("", "")


def test_what_a_change_leaves_out_stays() -> None:
    values = with_changes(BUILT_IN, {"qc": "skip", "safety_stock": None})
    assert with_changes(values, {"safety_stock": 4, "qc": None}) == with_changes(
        BUILT_IN, {"qc": "skip", "safety_stock": 4}
    )
