"""What the CPU pool promises: results, turns, deadlines, cancellation, and a clean end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import psutil
import pytest

from chassis.cpu_pool import ComputationLate, CpuPool
from chassis.errors import Unavailable
from tests.chassis import cpu_pool_given as work
from tests.chassis.bus_given import eventually


@pytest.fixture
async def pool() -> AsyncIterator[CpuPool]:
    async with CpuPool(processes=2, waiting_max=8) as pool:
        yield pool


async def spinning(noted: Path) -> psutil.Process:
    await eventually(noted.exists)
    return psutil.Process(int(await asyncio.to_thread(noted.read_text)))


async def gone(process: psutil.Process) -> None:
    await eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


async def test_computations_share_a_few_processes_that_come_after_this_one(pool: CpuPool) -> None:
    assert await asyncio.gather(*(pool.run(work.double, number) for number in range(8))) == list(range(0, 16, 2))
    places = [await pool.run(work.place) for _ in range(6)]
    assert len({process for process, _ in places}) <= 2
    assert all(niceness > psutil.Process().nice() for _, niceness in places)


async def test_what_a_computation_raises_is_raised_and_its_process_goes_on(pool: CpuPool) -> None:
    first = await pool.run(work.place)
    with pytest.raises(ValueError, match="no such number") as caught:
        await pool.run(work.refuse, "no such number")
    assert "in refuse" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="cannot be sent"):
        await pool.run(work.give_what_cannot_be_sent)
    assert await pool.run(work.place) == first


async def test_a_killed_process_costs_one_more_try_and_then_a_clear_error(pool: CpuPool, tmp_path: Path) -> None:
    assert await pool.run(work.be_killed, tmp_path / "once", 1) == 2
    with pytest.raises(Unavailable, match="ended before"):
        await pool.run(work.be_killed, tmp_path / "always", 99)
    assert await pool.run(work.double, 4) == 8
    assert pool.outcomes["killed"] == 3


async def test_a_computation_past_its_deadline_is_ended(pool: CpuPool, tmp_path: Path) -> None:
    await pool.run(work.double, 1)
    with pytest.raises(ComputationLate, match=r"longer than 0\.5 s"):
        await pool.run(work.spin, tmp_path / "noted", seconds=0.5)
    await eventually(lambda: pool.busy == 0)
    # The deadline may have ended the process before it noted its id, or just after.
    if (tmp_path / "noted").exists():
        with suppress(psutil.NoSuchProcess):
            await gone(await spinning(tmp_path / "noted"))
    assert await pool.run(work.double, 4) == 8


async def test_nothing_goes_on_for_a_caller_who_left(pool: CpuPool, tmp_path: Path) -> None:
    waiting = asyncio.create_task(pool.run(work.spin, tmp_path / "noted"))
    process = await spinning(tmp_path / "noted")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await gone(process)
    assert await pool.run(work.double, 4) == 8


async def test_the_event_loop_goes_on_meanwhile(pool: CpuPool, tmp_path: Path) -> None:
    await pool.run(work.double, 1)
    spinner = asyncio.create_task(pool.run(work.spin, tmp_path / "noted"))
    await spinning(tmp_path / "noted")
    before = monotonic()
    turns = 0
    while turns < 50:
        await asyncio.sleep(0)
        turns += 1
    assert monotonic() - before < 5, "the loop was held for the length of the computation"
    spinner.cancel()
    await asyncio.gather(spinner, return_exceptions=True)


async def test_more_than_may_wait_is_refused(tmp_path: Path) -> None:
    async with CpuPool(processes=1, waiting_max=2) as pool:
        gate = tmp_path / "gate"
        held = [asyncio.create_task(pool.run(work.wait_for, gate, tmp_path / f"m{n}")) for n in range(3)]
        await eventually(lambda: (pool.busy, pool.waiting) == (1, 2))
        with pytest.raises(Unavailable, match="2 computations are waiting"):
            await pool.run(work.double, 1)
        gate.touch()
        await asyncio.gather(*held)
        assert pool.outcomes == {"refused": 1, "done": 3}


async def test_no_org_has_more_than_its_share(tmp_path: Path) -> None:
    async with CpuPool(processes=2, org_concurrency=1) as pool:
        gate = tmp_path / "gate"
        busy = [
            asyncio.create_task(pool.run(work.wait_for, gate, tmp_path / f"A{number}", org="A")) for number in range(3)
        ]
        await eventually((tmp_path / "A0").exists)
        assert pool.busy == 1, "the second process is for others"
        other = asyncio.create_task(pool.run(work.wait_for, gate, tmp_path / "B", org="B"))
        await eventually((tmp_path / "B").exists)
        gate.touch()
        await asyncio.gather(*busy, other)


async def test_orgs_take_turns(tmp_path: Path) -> None:
    async with CpuPool(processes=1) as pool:
        gate = tmp_path / "gate"
        order: list[str] = []

        async def compute(org: str) -> None:
            await pool.run(work.wait_for, gate, tmp_path / "mark", org=org)
            order.append(org)

        computing = [asyncio.create_task(compute("A")) for _ in range(6)]
        await eventually(lambda: pool.waiting == 5)
        computing.append(asyncio.create_task(compute("B")))
        await eventually(lambda: pool.waiting == 6)
        gate.touch()
        await asyncio.gather(*computing)
        assert "B" in order[:3]


async def test_a_caller_who_left_the_line_holds_nobody_up(tmp_path: Path) -> None:
    async with CpuPool(processes=1) as pool:
        gate = tmp_path / "gate"
        first = asyncio.create_task(pool.run(work.wait_for, gate, tmp_path / "m"))
        await eventually(lambda: pool.busy == 1)
        second, third = (asyncio.create_task(pool.run(work.double, number)) for number in (1, 2))
        await eventually(lambda: pool.waiting == 2)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert pool.waiting == 1
        gate.touch()
        assert await third == 4
        await first


async def test_a_closing_pool_ends_its_processes_and_refuses_more(tmp_path: Path) -> None:
    pool = CpuPool(processes=1)
    spinner = asyncio.create_task(pool.run(work.spin, tmp_path / "noted"))
    process = await spinning(tmp_path / "noted")
    waiter = asyncio.create_task(pool.run(work.double, 1))
    await eventually(lambda: pool.waiting == 1)

    await pool.close(0.05)

    await gone(process)
    with pytest.raises(Unavailable):
        await spinner
    with pytest.raises(Unavailable, match="stopping"):
        await waiter
    with pytest.raises(Unavailable, match="stopping"):
        await pool.run(work.double, 1)


async def test_processes_without_work_are_ended(tmp_path: Path) -> None:
    async with CpuPool(processes=1, idle_seconds=0.1) as pool:
        process = psutil.Process((await pool.run(work.place))[0])
        await gone(process)
        assert await pool.run(work.double, 3) == 6
