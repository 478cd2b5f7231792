"""What time does to runs and packs."""

import asyncio
from time import monotonic

from chassis.clock import FixedClock, later
from chassis.errors import StillRunning
from tests.pmc.given import Catalogue, some, spring
from tests.waiting import stretched

HOUR = 3600.0
RUNNING_SECONDS_MAX = 60.0


async def job(pmc: Catalogue, name: str) -> None:
    """Run a job now, after the run by the clock if one is under way."""
    runtime = pmc.client.application.runtime
    deadline = monotonic() + stretched(RUNNING_SECONDS_MAX)
    while True:
        try:
            await runtime.jobs.run(name, {}, dry_run=False)
            return
        except StillRunning:
            assert monotonic() < deadline, f"{name} does not end"
        await asyncio.sleep(0.05)


async def current(pmc: Catalogue, run_id: str) -> dict[str, object]:
    run: dict[str, object] = (await pmc.good(await pmc.get("/publish/run/get", run_id=run_id)))["run"]
    return run


async def test_a_scheduled_run_starts_and_ends_by_itself(pmc: Catalogue, clock: FixedClock) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    run = await pmc.start(pack_id=pack["pack_id"], start_utc=later(clock.now(), HOUR), driver="service")
    assert (run["status"], "started_utc" in run) == ("scheduled", False)
    assert (await pmc.stats())["runs_scheduled"] == 1

    clock.advance(HOUR + 1)
    await job(pmc, "run_driver")

    after = await current(pmc, run["run_id"])
    assert after["status"] == "completed"
    assert some(after["outcomes"]) == {"created": 6, "blocked": 1}  # type: ignore[arg-type]
    stats = await pmc.stats()
    assert (stats["runs_scheduled"], stats["runs_running"], stats["runs_finished"]) == (0, 0, 1)


async def test_a_scheduled_run_is_cancelled_before_it_starts(pmc: Catalogue, clock: FixedClock) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    run = await pmc.start(pack_id=pack["pack_id"], start_utc=later(clock.now(), HOUR))
    cancel = {"run_id": run["run_id"], "expected_revision": run["revision"], "reason": "not today"}

    ended = (await pmc.good(await pmc.post("/publish/run/cancel", **cancel)))["run"]
    again = (await pmc.good(await pmc.post("/publish/run/cancel", **cancel)))["run"]

    assert (ended["status"], ended["manifest_parts"], ended["cancel_reason"]) == ("cancelled", 0, "not today")
    assert again == ended
    clock.advance(HOUR + 1)
    await job(pmc, "run_driver")
    assert (await current(pmc, run["run_id"]))["status"] == "cancelled"
    stats = await pmc.stats()
    assert (stats["runs_scheduled"], stats["runs_finished"]) == (0, 1)


async def test_a_scheduled_run_leaves_its_channels_free_and_fails_where_one_is_taken(
    pmc: Catalogue, clock: FixedClock
) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    run = await pmc.start(pack_id=pack["pack_id"], start_utc=later(clock.now(), HOUR))
    other = await pmc.start(pack_id=pack["pack_id"], channel_code="WEB")
    taken = await pmc.post("/publish/run/start", pack_id=pack["pack_id"])
    assert (taken.status, taken.tag, taken.details["run_id"]) == (409, "conflict", other["run_id"])

    clock.advance(HOUR + 1)
    await job(pmc, "run_driver")

    after = await current(pmc, run["run_id"])
    assert (after["status"], after["failure"]["code"]) == ("failed", "busy")  # type: ignore[index]
    assert after["failure"]["run_id"] == other["run_id"]  # type: ignore[index]


async def test_a_run_nobody_steps_for_a_day_is_failed_with_all_its_lines_stored(
    pmc: Catalogue, clock: FixedClock
) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    run = await pmc.step(await pmc.start(pack_id=pack["pack_id"]), max_items=3)

    clock.advance(24 * HOUR)
    await job(pmc, "run_abandon")

    after = await current(pmc, run["run_id"])
    assert (after["status"], after["failure"]["code"]) == ("failed", "abandoned")  # type: ignore[index]
    assert (after["processed"], after["manifest_lines"], after["manifest_parts"]) == (3, 3, 1)
    assert (await pmc.start(pack_id=pack["pack_id"]))["status"] == "running"


async def test_a_pack_that_is_never_uploaded_expires(pmc: Catalogue, clock: FixedClock) -> None:
    upload = {"content_type": "application/json", "size_bytes": 2, "sha256": "0" * 64}
    pack = (await pmc.good(await pmc.post("/pack/create", upload=upload)))["pack"]

    clock.advance(24 * HOUR + 1)
    await job(pmc, "pack_expire")

    assert (await pmc.get("/pack/get", pack_id=pack["pack_id"])).data["pack"]["state"] == "expired"
    late = await pmc.post("/pack/complete", pack_id=pack["pack_id"], pack_rev=1)
    assert (late.status, late.tag) == (409, "invalid-state")
