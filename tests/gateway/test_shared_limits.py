"""Limits that the workers of one gateway share: in one process here, each with a mapping of its own."""

from collections.abc import Iterator

import pytest

from chassis.errors import Unavailable
from gateway.limits import shared
from gateway.limits.admission import SharedAdmission
from gateway.limits.rates import Limit, SharedLimit
from gateway.limits.shared import SLOTS, SharedMemory, new_file
from gateway.limits.slots import SharedSlots

WORKERS = 3


@pytest.fixture
def memories() -> Iterator[list[SharedMemory]]:
    """The memory as each worker sees it."""
    file = new_file(WORKERS)
    made = [SharedMemory(open(f"/proc/self/fd/{file.fileno()}", "r+b"), WORKERS, each) for each in range(WORKERS)]  # noqa: SIM115, PTH123
    yield made
    for each in made:
        each.close()
    file.close()


def test_a_rate_holds_for_all_workers_together(memories: list[SharedMemory]) -> None:
    limits = [SharedLimit("org", 1.0, 6, memory) for memory in memories]
    alone = Limit("org", 1.0, 6)
    # The same numbers as one process has for the same calls.
    for number in range(9):
        now = 100.0 + number / 10
        limit = limits[number % WORKERS]
        assert limit.wait("DEMO0001", now) == pytest.approx(alone.wait("DEMO0001", now))
        assert limit.take("DEMO0001", now) == pytest.approx(alone.take("DEMO0001", now))
    assert limits[0].take("DEMO0001", 100.9)[0] == -1
    assert limits[1].take("DEMO0002", 101.0)[0] == 5
    assert SharedLimit("credential", 1.0, 6, memories[2]).take("DEMO0001", 101.0)[0] == 5
    assert limits[2].take("DEMO0001", 200.0)[0] == 5


def test_where_a_group_is_full_the_bucket_that_is_empty_first_gives_way(
    memories: list[SharedMemory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "RATE_GROUPS", 1)
    limit = SharedLimit("org", 1.0, 10, memories[0])
    for number in range(SLOTS):
        for _ in range(number + 1):
            limit.take(number, 100.0)
    limit.take("another", 100.0)
    assert limit.take(0, 100.0)[0] == 9, "that of number 0 was dropped"
    assert limit.take(SLOTS - 1, 100.0)[0] == 10 - SLOTS - 1


def test_connections_are_counted_over_all_workers(memories: list[SharedMemory]) -> None:
    slots = [SharedSlots("connections", 5, 2, memory) for memory in memories]
    assert slots[0].take("10.0.0.1")
    assert slots[1].take("10.0.0.1")
    assert not slots[2].take("10.0.0.1")
    slots[2].leave("10.0.0.1")
    assert [each.take(f"10.0.1.{number}") for number, each in enumerate(slots)] == [True] * 3
    assert not slots[0].take("10.0.2.1"), "five in all"
    for each, address in zip(slots, ("10.0.0.1", "10.0.0.1", "10.0.1.2"), strict=True):
        each.leave(address)
    assert slots[2].take("10.0.0.1")


def test_requests_in_flight_are_counted_over_all_workers(memories: list[SharedMemory]) -> None:
    admissions = [SharedAdmission("in_flight", 4, 1, memory) for memory in memories]
    for each in admissions:
        each.enter(reserved=False)
    with pytest.raises(Unavailable):
        admissions[0].enter(reserved=False)
    admissions[0].enter(reserved=True)
    with pytest.raises(Unavailable):
        admissions[1].check(reserved=True)
    admissions[2].leave()
    admissions[1].check(reserved=True)
    assert [each.in_flight for each in admissions] == [2, 1, 0]


def test_what_a_dead_worker_counted_is_forgotten(memories: list[SharedMemory]) -> None:
    slots = [SharedSlots("connections", 100, 2, memory) for memory in memories]
    for each in slots[:2]:
        each.take("10.0.0.1")
    memories[2].forget(1)
    assert memories[0].total("connections") == 1
    assert slots[2].take("10.0.0.1")
    assert not slots[0].take("10.0.0.1")
