"""Roll-ups are exact, and the audit finds and corrects what is not."""

from tests.pmc.given import Catalogue, spring
from tests.pmc.run.test_jobs import job


async def published(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    await pmc.run(pack_id=(await pmc.pack(spring()))["pack_id"])


async def test_an_audit_of_exact_rollups_finds_nothing(pmc: Catalogue) -> None:
    await published(pmc)

    await job(pmc, "rollup_audit")

    stats = await pmc.stats()
    assert (stats["rollup_mismatches"], stats["rollup_checked_utc"]) == (0, stats["generated_utc"])


async def test_an_audit_corrects_a_count_that_is_wrong(pmc: Catalogue) -> None:
    await published(pmc)
    org = pmc.client.caller.orgcode if pmc.client.caller else ""
    rollups = pmc.client.application.runtime.database.collection("pmc_rollups")
    await rollups.update_one({"_id": f"{org}/ch-web/category/cat-tees"}, {"$set": {"online": 9}})

    await job(pmc, "rollup_audit")

    groups = await pmc.post("/product/group", dimension="category", values=["cat-tees"], channel_code="WEB")
    assert groups.data["groups"][0]["online"] == 3
    assert (await pmc.stats())["rollup_mismatches"] == 1


async def test_the_groups_of_a_dimension_add_up_to_the_products_listed(pmc: Catalogue) -> None:
    await published(pmc)

    groups = (await pmc.post("/product/group", dimension="style", channel_code="WEB")).data["groups"]

    assert [(each["value"], each["count"]) for each in groups] == [("st-tee", 3), ("st-mug", 1)]
    assert sum(each["count"] for each in groups) == (await pmc.list(channel_code="WEB"))["count"]
    stats = await pmc.stats()
    assert (stats["products"], stats["styles"]) == (7, 2)
