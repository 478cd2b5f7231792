"""Ids: UUIDv7 text that never falls."""

import threading
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import to_millis
from chassis.ids import COUNTER_BITS, IdSource, id_at, millis_of, new_id, place_of
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


# The last millisecond of 48 bits is left out: the place behind its last id has no id.
@given(st.integers(0, 2**48 - 2), st.integers(0, (1 << COUNTER_BITS) - 1))
def test_places_of_ids_are_those_they_are_made_from(millis: int, counter: int) -> None:
    place = millis << COUNTER_BITS | counter

    assert place_of(id_at(place)) == place
    assert id_at(place) < id_at(place + 1)


def test_ids_made_in_one_millisecond_follow_each_other_closely() -> None:
    ids = IdSource()
    places = [place_of(ids.new(NOON)) for _ in range(5)]

    assert places == list(range(places[0], places[0] + 5))
