"""Our own writes, sent back by the shop as webhooks."""

from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until


async def test_our_own_writes_sent_back_cause_no_write_and_no_job(whole: Whole) -> None:
    """Our own writes sent back as webhooks cause no write and no job; echoes counts them."""
    await whole.selling({"v-1": 5, "v-2": 4})
    await whole.stock("v-1", -2)
    await whole.shows("v-1", 3)
    await whole.synced("v-1")
    level = {"SKU-V-1": 3, "SKU-V-2": 4}
    sent = [(topic, body) for topic, body in whole.standin.hooks.rung if topic == "inventory_levels/update"]
    last = [body for _, body in sent if body["available"] in level.values()]
    assert last
    jobs = (await whole.totals())["jobs_enqueued"]
    echoes = (await whole.totals())["echoes"]
    whole.standin.log.clear()
    whole.standin.hooks.outbox.clear()
    for body in last:
        whole.standin.hooks.ring("inventory_levels/update", body)
    await whole.deliver()

    async def counted() -> bool:
        return bool((await whole.totals())["echoes"] == echoes + len(last))

    await until(counted, SECONDS)
    assert whole.standin.writes() == []
    assert (await whole.totals())["jobs_enqueued"] == jobs
