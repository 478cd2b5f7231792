"""Ids: UUIDv7 text that never falls."""

import threading
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import to_millis
from chassis.ids import IdSource, millis_of, new_id
from tests.chassis.data_given import NOON


def test_an_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    made = UUID(new_id(NOON))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    fresh = IdSource().new(NOON)
    assert millis_of(fresh) == to_millis(NOON)
    assert str(UUID(fresh)) == fresh


@given(st.lists(st.integers(0, 2**48 - 1), max_size=50))
def test_ids_never_fall_whatever_the_clock_does(clock: list[int]) -> None:
    source = IdSource()
    made = [source.new_at(millis) for millis in clock for _ in range(3)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert [millis_of(one) for one in made[::3]] == [max(clock[: place + 1]) for place in range(len(clock))]


def test_two_sources_never_make_the_same_id_in_one_millisecond() -> None:
    sources = [IdSource() for _ in range(20)]
    made = [source.new(NOON) for source in sources for _ in range(100)]
    assert len(set(made)) == len(made)


def test_threads_that_share_a_source_make_different_ids() -> None:
    source = IdSource()
    made: list[str] = []

    def make() -> None:
        made.extend(source.new(NOON) for _ in range(500))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 2000
