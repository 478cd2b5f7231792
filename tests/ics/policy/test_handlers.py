from chassis.testing.client import ServiceClient
from tests.ics.given import FACILITY, VARIANT

BUILT_IN = {
    "tracking": "none",
    "qc": "required",
    "safety_stock": 0,
    "backorder_limit": 0,
    "reservation_ttl_seconds": 900,
    "allocation_ttl_seconds": 86400,
    "reservation_max_seconds": 2592000,
}


async def test_the_built_in_policy_rules_at_first(ics: ServiceClient) -> None:
    answer = (await ics.plain.post("/stock/policy/get")).data
    assert answer == {"policy": None, "effective": BUILT_IN, "effective_scope": "default"}


async def test_a_new_policy_starts_from_the_built_in_values(ics: ServiceClient) -> None:
    await ics.plain.post("/stock/policy/set", backorder_limit=9)
    saved = (await ics.plain.post("/stock/policy/set", variant_id=VARIANT, safety_stock=10)).data

    assert saved["effective"] == BUILT_IN | {"safety_stock": 10}
    assert saved["effective_scope"] == "variant"
    assert (saved["policy"]["variant_id"], saved["policy"]["logical_guid"]) == (VARIANT, None)
    assert saved["policy"]["revision"] == 1
    assert ics.events == ["ics.stock_policy.saved", "ics.stock_policy.saved"]


async def test_a_change_keeps_what_it_leaves_out_and_names_its_revision(ics: ServiceClient) -> None:
    await ics.plain.post("/stock/policy/set", qc="skip")

    blind = await ics.plain.post("/stock/policy/set", safety_stock=5)
    changed = await ics.plain.post("/stock/policy/set", safety_stock=5, expected_revision=1)
    stale = await ics.plain.post("/stock/policy/set", safety_stock=6, expected_revision=1)

    assert (blind.status, blind.details) == (428, {"current_revision": 1})
    assert changed.data["policy"]["values"] == BUILT_IN | {"qc": "skip", "safety_stock": 5}
    assert (stale.status, stale.details) == (409, {"current_revision": 2})


async def test_the_scope_asked_for_and_the_one_that_rules_are_told_apart(ics: ServiceClient) -> None:
    await ics.plain.post("/stock/policy/set", logical_guid=FACILITY, safety_stock=7)
    answer = (await ics.plain.post("/stock/policy/get", variant_id=VARIANT, logical_guid=FACILITY)).data

    assert answer["policy"] is None
    assert (answer["effective"]["safety_stock"], answer["effective_scope"]) == (7, "facility")


async def test_the_facility_in_context_is_the_scopes(ics: ServiceClient) -> None:
    saved = (await ics.post("/stock/policy/set", safety_stock=7)).data
    assert saved["effective_scope"] == "facility"
    assert saved["policy"]["logical_guid"] == FACILITY
