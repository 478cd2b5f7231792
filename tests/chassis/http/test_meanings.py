import pytest

from chassis.endpoint import Request
from chassis.entity import Value
from chassis.http.meanings import Meanings, Undescribed, meanings_of
from tests.chassis.sample.app import SAMPLE


class Part(Value):
    seq: int


class Wheel(Part):
    pass


def meanings(**said: str) -> Meanings:
    return Meanings(
        {"meanings": said}, {"meanings": {"seq": "the chassis' word", "size": "how large"}}, "x/fields.yaml"
    )


def test_what_is_said_of_a_struct_s_own_field_comes_first() -> None:
    assert meanings(**{"seq": "a place", "Part.seq": "its place"}).meaning(Part, "seq") == "its place"


def test_what_is_said_of_a_base_holds_for_what_is_made_from_it() -> None:
    assert meanings(**{"Part.seq": "its place"}).meaning(Wheel, "seq") == "its place"
    assert meanings_of(SAMPLE).meaning(type("Any", (Request,), {}), "orgcode") is not None


def test_the_service_s_word_comes_before_that_of_the_chassis() -> None:
    assert meanings(seq="a place").meaning(Part, "seq") == "a place"
    assert meanings().meaning(Part, "seq") == "the chassis' word"


def test_a_field_that_nothing_describes_is_named_with_the_place_to_add_it() -> None:
    with pytest.raises(Undescribed, match=r"x/fields\.yaml does not say what Part\.place means: add “place: …”"):
        meanings().described(Part, "place")


def test_keys_that_nothing_asked_for_are_known() -> None:
    found = meanings(seq="a place", gone="what there was")
    found.meaning(Part, "seq")
    assert found.idle() == ["meanings: gone"]
