"""Roll-ups are exact, and the audit finds and corrects what is not."""

from typing import Any

import pytest

from chassis.caller import Call
from chassis.errors import DatabaseError
from chassis.unit import Units
from services.pmc.audit import counting, jobs
from services.pmc.audit.counting import ChannelAudit
from services.pmc.rollup.domain import Deltas
from tests.pmc.given import Catalogue, spring
from tests.pmc.run.test_jobs import job


def org_of(pmc: Catalogue) -> str:
    """The caller's org."""
    caller = pmc.client.caller
    assert caller is not None
    assert caller.orgcode is not None
    return caller.orgcode


def collection(pmc: Catalogue, name: str) -> Any:
    """A collection of the service's database."""
    return pmc.client.application.runtime.database.collection(name)


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
    rollups = collection(pmc, "pmc_rollups")
    await rollups.update_one({"_id": f"{org_of(pmc)}/ch-web/category/cat-tees"}, {"$set": {"online": 9}})

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


async def test_an_audit_brings_back_a_roll_up_that_is_missing(pmc: Catalogue) -> None:
    await published(pmc)
    rollup_id = f"{org_of(pmc)}/ch-web/category/cat-tees"
    await collection(pmc, "pmc_rollups").delete_many({"_id": rollup_id})

    await job(pmc, "rollup_audit")

    group = (await pmc.post("/product/group", dimension="category", values=["cat-tees"], channel_code="WEB")).data
    assert [(each["online"], each["label"]) for each in group["groups"]] == [(3, "T-shirts")]
    await job(pmc, "rollup_audit")
    assert (await pmc.stats())["rollup_mismatches"] == 0


async def test_an_audit_counts_a_large_channel_in_ranges_and_transactions_of_bounded_size(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(pmc)
    monkeypatch.setattr("services.pmc.audit.counting.PRODUCTS_AT_ONCE", 2)
    monkeypatch.setattr("services.pmc.audit.recount.CORRECTED_AT_ONCE", 1)
    org = org_of(pmc)
    sums = collection(pmc, "pmc_channel_sums")
    rollups = collection(pmc, "pmc_rollups")
    await sums.update_one({"_id": f"{org}/ch-web"}, {"$set": {"products": 1_000_000, "pinned": 3}})
    for rollup_id in (f"{org}/ch-web/category/cat-tees", f"{org}/ch-web/style/st-tee", f"{org}/ch-store/style/st-tee"):
        await rollups.update_one({"_id": rollup_id}, {"$inc": {"online": 5, "offline": 7}})

    await job(pmc, "rollup_audit")

    stats = await pmc.stats()
    assert (stats["rollup_mismatches"], stats["products"], stats["pinned"]) == (5, 7, 0)
    await job(pmc, "rollup_audit")
    assert (await pmc.stats())["rollup_mismatches"] == 0


async def test_corrections_hold_although_products_change_after_the_count(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(pmc)
    rollups = collection(pmc, "pmc_rollups")
    await rollups.update_one({"_id": f"{org_of(pmc)}/ch-web/category/cat-tees"}, {"$inc": {"online": 4}})
    red = await pmc.product("v-red-m")
    original = jobs._correct
    statuses: list[int] = []

    async def correct(units: Units, call: Call, deltas: Deltas) -> None:
        if not statuses:
            answer = await pmc.post(
                "/product/online/clear", product_id=red["product_id"], expected_revision=red["revision"]
            )
            statuses.append(answer.status)
        await original(units, call, deltas)

    monkeypatch.setattr(jobs, "_correct", correct)

    await job(pmc, "rollup_audit")

    group = (await pmc.post("/product/group", dimension="category", values=["cat-tees"], channel_code="WEB")).data
    assert statuses == [200]
    assert [(each["online"], each["offline"]) for each in group["groups"]] == [(2, 1)]


async def test_a_channel_that_cannot_be_counted_does_not_keep_others_from_being_corrected(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(pmc)
    for channel in ("ch-store", "ch-web"):
        rollup_id = f"{org_of(pmc)}/{channel}/style/st-tee"
        await collection(pmc, "pmc_rollups").update_one({"_id": rollup_id}, {"$inc": {"offline": 7}})
    original = counting.recounted

    async def recounted(units: Units, call: Call, channel_guid: str) -> ChannelAudit:
        if channel_guid == "ch-store":
            raise DatabaseError("the snapshot has ended")
        return await original(units, call, channel_guid)

    monkeypatch.setattr(jobs, "recounted", recounted)

    await job(pmc, "rollup_audit")

    assert await tees(pmc, "WEB") == 3
    assert await tees(pmc, "STORE") == 10
    monkeypatch.undo()
    await job(pmc, "rollup_audit")
    assert await tees(pmc, "STORE") == 3


async def tees(pmc: Catalogue, channel_code: str) -> int:
    """How many products of the style `st-tee` the roll-ups of a channel count."""
    answer = await pmc.post("/product/group", dimension="style", values=["st-tee"], channel_code=channel_code)
    count: int = answer.data["groups"][0]["count"]
    return count
