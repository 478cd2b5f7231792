"""How fast and in which order a consumer goes on: delays, the breaker, lanes."""

import asyncio
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from chassis.bus.breaker import Breaker
from chassis.bus.handling import delay_for
from chassis.bus.keyed_executor import KeyedExecutor
from chassis.bus.ordering import worker_of
from tests.chassis.bus_given import eventually


def test_delays_grow_and_the_last_one_repeats() -> None:
    assert [delay_for((1, 5, 30), tries, None) for tries in range(5)] == [1, 5, 30, 30, 30]


def test_a_wish_for_a_delay_is_met_by_the_next_longer_one() -> None:
    assert [delay_for((1, 5, 30), 0, after) for after in (0.5, 2, 5, 1000)] == [1, 5, 5, 30]


@given(st.lists(st.booleans(), max_size=120))
def test_the_breaker_trips_where_most_of_the_last_outcomes_are_failures(outcomes: list[bool]) -> None:
    breaker = Breaker(50, 20)
    for done in outcomes:
        breaker.note(done)

    last = outcomes[-50:]
    assert breaker.tripped == (len(last) >= 20 and last.count(False) * 2 > len(last))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=40))
async def test_within_a_lane_everything_is_in_order(items: list[tuple[int, int]]) -> None:
    done: dict[int, list[int]] = defaultdict(list)

    async def work(item: tuple[int, int, int]) -> None:
        subject, pauses, number = item
        for _ in range(pauses):
            await asyncio.sleep(0)
        done[subject].append(number)

    lanes = KeyedExecutor(work)
    for number, (subject, pauses) in enumerate(items):
        lanes.put(worker_of(str(subject), 3), (subject, pauses, number))
    await eventually(lambda: not lanes.busy)

    assert sum(map(len, done.values())) == len(items)
    assert all(numbers == sorted(numbers) for numbers in done.values())


async def test_a_finished_lane_begins_nothing_more() -> None:
    begun = []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0)

    lanes = KeyedExecutor(work)
    for item in range(3):
        lanes.put(0, item)
    await asyncio.sleep(0)
    await lanes.finish(5.0)

    assert begun == [0]
