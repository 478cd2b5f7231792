"""The audit by hand: everything that is counted or indexed is compared with the products, and nothing is changed."""

from typing import Any

import pytest

from chassis.caller import Call
from chassis.unit import Units
from services.pmc.audit import counting, jobs
from services.pmc.rollup.domain import Counted, Deltas
from tests.pmc.audit.test_audit import collection, org_of, published
from tests.pmc.given import Catalogue
from tests.pmc.run.test_jobs import job


async def audited(pmc: Catalogue) -> Any:
    """The answer of the audit of the caller's org."""
    params = {"orgcode": org_of(pmc)}
    return await pmc.client.application.runtime.jobs.run("audit-catalogue", params, dry_run=False)


def whats(answer: Any) -> list[str]:
    return [each.what for each in answer.differences]


async def test_a_catalogue_that_is_right_has_no_differences(pmc: Catalogue) -> None:
    await published(pmc)

    answer = await audited(pmc)

    assert (answer.products_checked, answer.differences, answer.unsettled) == (7, [], 0)


async def test_wrong_roll_ups_totals_and_index_entries_are_reported_and_left_alone(pmc: Catalogue) -> None:
    await published(pmc)
    org = org_of(pmc)
    red = await pmc.product("v-red-m")
    await collection(pmc, "pmc_rollups").update_one({"_id": f"{org}/ch-web/category/cat-tees"}, {"$set": {"online": 9}})
    await collection(pmc, "pmc_channel_sums").update_one({"_id": f"{org}/ch-web"}, {"$inc": {"pinned": 2}})
    await collection(pmc, "pmc_org_sums").update_one({"_id": org}, {"$inc": {"pack_versions": 1, "styles": 1}})
    await collection(pmc, "pmc_products").update_one(
        {"_id": red["product_id"]}, {"$set": {"indexed.terms.words": ["wrong"]}}
    )

    found = await audited(pmc)

    expected = ["category cat-tees", "pinned", f"index of product {red['product_id']}", "styles", "pack_versions"]
    assert whats(found) == expected
    assert (found.differences[0].counted, found.differences[0].kept) == ("3 online, 0 offline", "9 online, 0 offline")
    assert whats(await audited(pmc)) == expected


async def test_the_hourly_audit_corrects_roll_ups_over_all_channels_and_the_totals_of_the_org(pmc: Catalogue) -> None:
    await published(pmc)
    org = org_of(pmc)
    await collection(pmc, "pmc_rollups").update_one({"_id": f"{org}//style/st-tee"}, {"$inc": {"online": 4}})
    await collection(pmc, "pmc_org_sums").update_one({"_id": org}, {"$inc": {"packs": 3, "runs_finished": -1}})

    await job(pmc, "rollup_audit")

    stats = await pmc.stats()
    assert (stats["rollup_mismatches"], stats["packs"], stats["runs_finished"], stats["styles"]) == (3, 1, 1, 2)
    assert (await audited(pmc)).differences == []


async def test_products_that_are_not_counted_over_all_channels_yet_may_change(pmc: Catalogue) -> None:
    await published(pmc)
    where = {"orgcode": org_of(pmc), "channel_guid": "", "dimension": "vendor"}
    assert await collection(pmc, "pmc_rollups").delete_many(where)
    shown = (await pmc.list(channel_code="WEB", online_state="online"))["items"][0]

    named = {"product_id": shown["product_id"], "expected_revision": shown["revision"]}
    await pmc.good(await pmc.post("/product/online/clear", **named))
    await job(pmc, "rollup_audit")
    # The roll-ups are counted after they are there again.
    await job(pmc, "rollup_audit")

    assert (await audited(pmc)).differences == []


async def test_a_large_channel_is_counted_in_pieces_and_what_moves_meanwhile_is_not_compared(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await published(pmc)
    monkeypatch.setattr(counting, "SNAPSHOT_PRODUCTS_MAX", 1)
    monkeypatch.setattr(counting, "PRODUCTS_AT_ONCE", 2)
    org = org_of(pmc)
    for value in ("style/st-tee", "style/st-mug", "category/cat-tees"):
        await collection(pmc, "pmc_rollups").update_one({"_id": f"{org}/ch-web/{value}"}, {"$inc": {"offline": 5}})
    red = await pmc.product("v-red-m")
    original = counting._count
    moved: list[int] = []

    async def count(reader: Any, ranges: Any, recount: Any) -> None:
        await original(reader, ranges, recount)
        if not moved and ranges.products == 4:
            answer = await pmc.post(
                "/product/online/clear", product_id=red["product_id"], expected_revision=red["revision"]
            )
            moved.append(answer.status)

    monkeypatch.setattr(counting, "_count", count)

    first = await audited(pmc)
    second = await audited(pmc)

    assert moved == [200]
    # The clearing moved the style and the taxonomy of the tee; the mug's style stayed as it was.
    assert [each.what for each in first.differences if each.channel_guid == "ch-web"] == ["style st-mug"]
    assert first.unsettled >= 3
    in_web = {each.what for each in second.differences if each.channel_guid == "ch-web"}
    assert in_web == {"style st-tee", "style st-mug", "category cat-tees"}
    assert second.unsettled == 0


async def test_an_audit_corrects_a_large_channel_in_pieces(pmc: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    await published(pmc)
    monkeypatch.setattr(counting, "SNAPSHOT_PRODUCTS_MAX", 1)
    await collection(pmc, "pmc_rollups").update_one(
        {"_id": f"{org_of(pmc)}/ch-web/category/cat-tees"}, {"$set": {"online": 9}}
    )

    await job(pmc, "rollup_audit")

    assert (await pmc.stats())["rollup_mismatches"] == 1
    assert (await audited(pmc)).differences == []


def test_two_products_that_trade_places_touch_their_roll_up_without_changing_its_counts() -> None:
    def a_product(*, online: bool, label: str = "Tees") -> Counted:
        values: dict[Any, tuple[str, str | None]] = {"category": ("cat-tees", label)}
        return Counted(
            channel_guid="ch-web", channel_code="WEB", online=online, publishable=True, pinned=False, values=values
        )

    still, traded, renamed = Deltas(), Deltas(), Deltas()
    still.move(a_product(online=True), a_product(online=True))
    traded.move(a_product(online=True), a_product(online=False))
    traded.move(a_product(online=False), a_product(online=True))
    renamed.move(a_product(online=True), a_product(online=True, label="T-shirts"))

    assert (list(still.changed_rollups()), still.sums) == ([], {})
    assert [(key.value, online, offline) for key, online, offline in traded.changed_rollups()] == [("cat-tees", 0, 0)]
    assert list(renamed.labels.values()) == ["T-shirts"]


async def test_one_audit_may_be_limited_to_an_org(pmc: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    await published(pmc)
    seen: list[str] = []
    original = counting.recounted

    async def recounted(units: Units, call: Call, channel_guid: str) -> Any:
        seen.append(call.orgcode)
        return await original(units, call, channel_guid)

    monkeypatch.setattr(jobs, "recounted", recounted)
    await audited(pmc)

    assert set(seen) == {org_of(pmc)}
