"""What time does to revisions and objects."""

import os
from pathlib import Path

from chassis.clock import FixedClock
from services.pmc.product.jobs import REVISIONS_KEPT
from services.pmc.settings import PmcSettings
from tests.pmc.given import Catalogue, offer_of, spring
from tests.pmc.run.test_jobs import job

DAY = 24 * 3600.0


async def test_old_revisions_go_but_not_those_in_use(pmc: Catalogue, clock: FixedClock) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    await pmc.run(pack_id=pack["pack_id"], channel_code="WEB")
    red = await pmc.product("v-red-m")
    first = red["live"]
    await pmc.post("/product/pointer/set", product_id=red["product_id"], pointer="preview", **first)
    revisions = pmc.client.application.runtime.database.collection("pmc_product_revisions")
    products = pmc.client.application.runtime.database.collection("pmc_products")
    document = (await revisions.find({"_id": f"{red['product_id']}/000000001"}))[0]
    count = REVISIONS_KEPT + 4
    for rev in range(2, count + 1):
        await revisions.insert_many([{**document, "_id": f"{red['product_id']}/{rev:09d}", "rev": rev}])
    await products.update_one({"_id": red["product_id"]}, {"$set": {"head.rev": count, "live.rev": 3}})
    sums = pmc.client.application.runtime.database.collection("pmc_channel_sums")
    await sums.update_many({}, {"$inc": {"revisions": count - 1}})

    await job(pmc, "revision_prune")

    left = await revisions.find({"product_id": red["product_id"], "orgcode": document["orgcode"]}, sort=[("_id", 1)])
    assert [each["rev"] for each in left][:3] == [1, 3, 5]
    assert len(left) == REVISIONS_KEPT + 2


async def test_objects_that_no_record_names_are_swept_and_others_stay(pmc: Catalogue, clock: FixedClock) -> None:
    await pmc.scenario_profiles()
    document = spring()
    offer_of(document, "v-mug", "WEB")["price"] = {"amount": "9.00", "currency": "EUR"}
    run = await pmc.run(pack_id=(await pmc.pack(document))["pack_id"])

    caller = pmc.client.caller
    assert caller is not None
    settings = pmc.client.application.runtime.settings
    assert isinstance(settings, PmcSettings)
    folder = Path(settings.pmc_objects_folder)
    orphan = folder / f"pmc/{caller.orgcode}/packs/{run['run_id']}/1"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"{}")
    os.utime(orphan, (0, 0))

    await job(pmc, "object_sweep")

    assert not orphan.exists()
    signed = await pmc.get("/publish/run/manifest/presign", run_id=run["run_id"], part=1)
    assert signed.status == 200
