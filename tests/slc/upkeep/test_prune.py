from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc, later
from services.slc.audit.store import AUDIT, record
from services.slc.channel.store import CHANNELS
from services.slc.counters.domain import Bucket
from services.slc.counters.store import STATS
from services.slc.lifecycle.store import DOORBELLS, Doorbell
from services.slc.upkeep.jobs import AUDIT_SECONDS, DOORBELL_SECONDS, HOURLY_SECONDS, MINUTELY_SECONDS
from tests.slc.counter import Counter


async def test_what_is_too_old_goes_and_the_rest_stays(counter: Counter) -> None:
    await counter.connected()
    channel_id = counter.channel["channel_id"]

    def ages(now: Utc, seconds: float) -> list[Utc]:
        return [later(now, -seconds - 60), later(now, -seconds + 60)]

    async def fill(change: Any) -> None:
        channel = await change.load(CHANNELS, channel_id)
        for at in ages(change.now, AUDIT_SECONDS):
            made = await record(change, channel, "shop.edited", cause="shop_edit")
            await change.update(AUDIT, replace(made, at_utc=at))
        for number, at in enumerate(ages(change.now, DOORBELL_SECONDS)):
            rung = Doorbell(
                row_id=f"{channel_id}/{number}",
                webhook_id=str(number),
                channel_id=channel_id,
                topic="orders/create",
                shop_domain=counter.domain,
                resource_id="gid://shopify/Order/1",
                received_utc=at,
            )
            await change.insert(DOORBELLS, rung)
        for size, kept in ((60, MINUTELY_SECONDS), (3600, HOURLY_SECONDS)):
            for at in ages(change.now, kept):
                bucket_id = f"{channel_id}/{size}/{at}/0"
                await change.insert(
                    STATS, Bucket(bucket_id=bucket_id, channel_id=channel_id, size_seconds=size, from_utc=at)
                )

    async def left(view: Any) -> list[int]:
        old = later(view.now, -3600 - MINUTELY_SECONDS + 7200)
        found = [await view.find(entity, {"channel_id": channel_id}) for entity in (AUDIT, DOORBELLS)]
        where = {"channel_id": channel_id}
        stats = [
            each
            for size in (60, 3600)
            for each in await view.find(STATS, {**where, "size_seconds": size})
            if each.from_utc < old
        ]
        return [*map(len, found), len(stats)]

    await counter.units.change(counter.call, fill)
    assert await counter.units.view(counter.call, left) == [2, 2, 4]

    jobs = counter.slc.client.application.runtime.jobs
    answer: Any = await jobs.run("audit_prune", {}, dry_run=False)

    assert await counter.units.view(counter.call, left) == [1, 1, 2]
    assert (answer.audit, answer.webhooks, answer.statistics) == (1, 1, 2)
