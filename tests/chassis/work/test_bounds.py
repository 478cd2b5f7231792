"""What claiming reads does not grow with what waits; an org's work goes with it; operators see how much there is."""

from typing import Any

import pytest

from chassis.clock import SystemClock, later
from chassis.mongo.collection import Collection
from chassis.mongo.erasure import count, erase, erasure_targets
from chassis.mongo.unit import MongoUnits
from chassis.unit import Units
from chassis.work.admin import WorkAdmin
from chassis.work.handle import Work
from chassis.work.leasing import fail
from chassis.work.queue import Workers
from tests.chassis.work.given import CRATES, Crate, add, add_many, an_org_call, item, take

MANY = 4000
FEW = 1200
"""More than a claim may read: some blocks of 64 rows on average."""

workers = Workers("test")


@workers.on(CRATES)
async def ship(units: Units, work: Work[Crate]) -> None:
    """Ship crates."""


async def test_a_claim_asks_for_no_range_that_grows_with_what_waits(
    units: MongoUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_many(units, [f"k{n:05d}" for n in range(MANY)])
    await add(units, "one", org="BETA")
    asked: list[tuple[str, Any]] = []
    find = Collection.find

    async def noted(self: Collection, where: Any, **more: Any) -> Any:
        asked.append((self.name, where))
        return await find(self, where, **more)

    monkeypatch.setattr(Collection, "find", noted)
    for number in range(40):
        assert await take(units, *(f"t{number}-{n}" for n in range(4)))
    monkeypatch.undo()

    work = [match for name, match in asked if name == "work"]
    assert work, "claims ask the work itself"
    largest = max([await units.database.collection("work").count(match) for match in work])
    assert largest < FEW < MANY


async def test_an_orgs_work_goes_with_the_org(units: MongoUnits) -> None:
    for org in ("ACME", "BETA"):
        await add(units, "k1", org=org)
        await add(units, "k2", org=org, due_utc=later(SystemClock().now(), 600))
    targets = [
        target
        for target in await erasure_targets(units.database, [], {"marks", "events"}, "ACME")
        if await count(units.database, target, "ACME")
    ]
    assert sorted((target.collection, target.org_field) for target in targets) == [
        ("work", "orgcode"),
        ("work_lines", "orgcode"),
    ]
    for target in targets:
        async for _ in erase(units.database, target, "ACME"):
            pass
    assert [claim.orgcode for claim in await take(units, "t1", "t2")] == ["BETA"]
    await add(units, "k3", org="ACME")
    assert [claim.orgcode for claim in await take(units, "t3", "t4")] == ["ACME"]


async def test_operators_see_how_much_there_is_and_since_when(units: MongoUnits) -> None:
    admin = WorkAdmin(workers.declared, units, units.database, SystemClock())
    await add(units, "k1", lane="high")
    await add(units, "k2", lane="high")
    await add(units, "k3", due_utc=later(SystemClock().now(), 600))
    [claim] = await take(units, "t1")
    await units.change(
        an_org_call(None), lambda change: fail(change, CRATES, "t1", claim.ids, "broken", 0.0, give_up=True)
    )
    depths = {depth.lane: depth for depth in await admin.depths()}
    assert (depths["high"].counts["ready"], depths["high"].counts["dead"]) == (1, 1)
    assert depths["high"].oldest_seconds >= 0
    assert depths["normal"].counts == {"ready": 0, "later": 1, "leased": 0, "parked": 0, "dead": 0}
    assert [dead.last_error for dead in await admin.dead()] == ["broken"]
    assert await admin.retry("test.crates", limit=5) == 1
    assert (await item(units, claim.items[0].key))["state"] == "ready"
