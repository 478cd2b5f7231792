"""Answers that wait for a change: given at once where it is there already, and soon where it comes."""

import asyncio

import pytest

from chassis import long_polling
from chassis.errors import Unavailable
from chassis.long_polling import Watched
from tests.waiting import until, within


class Source:
    """A value that is read, and how often it was."""

    def __init__(self) -> None:
        self.value = "one"
        self.looks = 0
        self.failure: Exception | None = None

    async def look(self) -> str:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return self.value


async def another_than(value: str, of: Watched[str], seconds: float = 60.0) -> str:
    return await of.read(lambda found: found == value, seconds)


async def test_what_is_not_known_is_answered_at_once() -> None:
    source = Source()
    assert await another_than("", Watched(source.look)) == "one"
    assert source.looks == 1


async def test_what_is_known_is_answered_after_the_time() -> None:
    source = Source()
    async with within(10):
        assert await another_than("one", Watched(source.look), 0.05) == "one"


async def test_a_commit_of_this_process_is_seen_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_polling, "LOOK_SECONDS", 3600.0)
    source = Source()
    known = Watched(source.look)
    waiting = [asyncio.create_task(another_than("one", known)) for _ in range(5)]
    await until(lambda: len(known._waiting) == 5, 10)
    source.value = "two"
    known.wake()
    async with within(10):
        assert await asyncio.gather(*waiting) == ["two"] * 5
    await known.stop()


async def test_what_another_process_commits_is_seen_soon_and_failures_are_waited_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(long_polling, "LOOK_SECONDS", 0.01)
    source = Source()
    known = Watched(source.look)
    waiting = asyncio.create_task(another_than("one", known))
    await until(lambda: source.looks > 2, 10)
    source.failure = Unavailable("the database can't be reached")
    looks = source.looks
    await until(lambda: source.looks > looks + 2, 10)
    assert not waiting.done()
    source.failure, source.value = None, "two"
    async with within(10):
        assert await waiting == "two"
    await until(lambda: known._reading is not None and known._reading.done(), 10)
    looks = source.looks
    await asyncio.sleep(0.05)
    assert source.looks == looks, "nobody waits: nothing is read"


async def test_what_was_read_is_given_out_again_until_there_is_a_commit() -> None:
    source = Source()
    alone = Watched(source.look, shared=lambda: False)
    for _ in range(3):
        assert await another_than("", alone) == "one"
    assert source.looks == 1
    source.value = "two"
    alone.wake()
    for _ in range(3):
        assert await another_than("one", alone) == "two"
    assert source.looks == 2


async def test_a_commit_during_a_read_is_not_overlooked() -> None:
    source = Source()
    alone = Watched(source.look, shared=lambda: False)
    look = source.look

    async def overtaken() -> str:
        found = await look()
        source.value = "two"
        alone.wake()
        return found

    alone._look = overtaken
    assert await another_than("", alone) == "one"
    alone._look = look
    assert await another_than("", alone) == "two"


async def test_what_other_replicas_may_have_changed_is_read_again() -> None:
    source = Source()
    shared = Watched(source.look, shared=lambda: True)
    for _ in range(3):
        await another_than("", shared)
    assert source.looks == 3


async def test_all_are_answered_when_the_process_stops() -> None:
    source = Source()
    known = Watched(source.look)
    waiting = [asyncio.create_task(another_than("one", known)) for _ in range(3)]
    await until(lambda: len(known._waiting) == 3, 10)
    known.release()
    async with within(10):
        assert await asyncio.gather(*waiting) == ["one"] * 3
        assert await another_than("one", known) == "one"
    await known.stop()
