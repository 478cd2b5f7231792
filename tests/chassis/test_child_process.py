"""What work in a process beside promises, whatever ends that process or this one."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import psutil
import pytest

from chassis import child_process
from chassis.errors import Unavailable
from chassis.mongo.errors import DatabaseUnreachable
from chassis.mongo.unit import MongoUnits
from tests.chassis import child_process_given as work
from tests.chassis.bus_given import eventually
from tests.chassis.data_given import NOON, a_call, a_thing, keep, opened, standing


async def begun(noted: Path) -> psutil.Process:
    """The process that sleeps, once it does."""
    await eventually(noted.exists)
    return psutil.Process(int(await asyncio.to_thread(noted.read_text)))


async def gone(process: psutil.Process) -> None:
    """Wait until a process has ended."""
    await eventually(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


async def test_work_is_done_in_another_process_that_comes_after_this_one() -> None:
    process, parent, niceness, given = await child_process.run(work.place_of_work, 1, {"a": [2]})

    assert parent == os.getpid() != process
    assert niceness > os.nice(0)
    assert given == (1, {"a": [2]})
    assert not psutil.pid_exists(process)


async def test_more_may_be_given_than_a_pipe_holds() -> None:
    much = b"x" * 5_000_000

    assert (await child_process.run(work.place_of_work, much))[3] == (much,)


@pytest.mark.parametrize("number", range(len(work.FAILURES)))
async def test_what_the_work_raises_is_raised_here(number: int) -> None:
    wanted = work.FAILURES[number]

    with pytest.raises(type(wanted)) as caught:
        await child_process.run(work.fail, number)

    assert str(caught.value) == str(wanted)
    assert caught.value.__dict__ == wanted.__dict__ | {"__notes__": caught.value.__notes__}
    assert "in fail" in caught.value.__notes__[0]


async def test_who_waits_for_a_killed_process_is_told_to_try_again() -> None:
    with pytest.raises(Unavailable, match="ended before its work was done"):
        await child_process.run(work.be_killed)


async def test_an_answer_that_cannot_be_sent_is_the_works_failure() -> None:
    with pytest.raises((AttributeError, TypeError, ValueError), match="lambda"):
        await child_process.run(work.give_what_cannot_be_sent)


async def test_nothing_goes_on_for_a_caller_who_left(tmp_path: Path) -> None:
    waiting = asyncio.create_task(child_process.run(work.sleep, tmp_path / "noted"))
    process = await begun(tmp_path / "noted")

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await gone(process)


async def test_it_ends_with_the_process_it_works_for_even_a_killed_one(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chassis.child_process_given", str(tmp_path / "noted")
    )
    process = await begun(tmp_path / "noted")

    parent.kill()

    await parent.wait()
    await gone(process)


@pytest.fixture(params=["motor", "pymongo"])
async def units(request: pytest.FixtureRequest, mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database, whose clock stands still."""
    driver: Literal["motor", "pymongo"] = "motor" if request.param == "motor" else "pymongo"
    async with opened(mongodb_uri, database_name, driver, standing()) as opening:
        yield opening


async def test_long_readings_are_done_aside_over_the_same_database_within_the_org(units: MongoUnits) -> None:
    await keep(units, a_thing("t1"), a_thing("t2", place="there"), a_thing("t3"))
    await keep(units, a_thing("t4"), org="OTHER")

    assert await units.run_in_process(a_call(), work.codes, "here") == [("T1", NOON), ("T3", NOON)]


async def test_a_database_that_does_not_answer_aside_is_unreachable(
    units: MongoUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units.database, "uri", "mongodb://127.0.0.1:9/?replicaSet=secantus&serverSelectionTimeoutMS=50")

    with pytest.raises(DatabaseUnreachable):
        await units.run_in_process(a_call(), work.codes, "here")
