"""Lists whose filters leave nothing of their order open, asked again when the process knows how their records lie."""

from chassis.testing.client import ServiceClient

TIMES = 4


async def test_a_zone_is_found_by_its_code(ics: ServiceClient) -> None:
    await ics.post("/zone/create", code="ONE")

    for _ in range(TIMES):
        answer = await ics.post("/zone/list", code="ONE")
        assert answer.status == 200, answer
        assert [each["code"] for each in answer.data["items"]] == ["ONE"]


async def test_stock_of_named_variants_is_listed_once(ics: ServiceClient) -> None:
    variants = [f"LISTED-{number}" for number in range(5)]
    await ics.post("/receive/record", lines=[{"variant_id": each, "quantity": 5} for each in variants])

    for _ in range(TIMES):
        answer = await ics.post("/stock/list", variant_ids=variants)
        assert [each["variant_id"] for each in answer.data["items"]] == variants
