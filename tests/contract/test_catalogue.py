"""The catalogue of events in `docs/events.md`: made from the declarations, whole, and up to date."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from chassis import values
from chassis.entity import Value
from chassis.service import collect
from docs.catalogue.events import PAGE, page
from docs.catalogue.words import MEANINGS, NAMED, structs_in, words_of
from tests.contract.services import SERVICES


class Part(Value):
    """A struct of the tests' own."""

    seq: int


def test_the_page_says_what_is_declared_now() -> None:
    assert PAGE.read_text() == page(), "the events have changed: run `make docs`"


def test_every_event_of_every_service_has_a_section() -> None:
    declared = {event.type for service in SERVICES.values() for event in collect(service).events}
    sections = {line.removeprefix("### ") for line in page().splitlines() if line.startswith("### ")}
    assert declared <= sections


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (values.Id, "id"),
        (values.Lot | None, "printable or null"),
        (values.Utc, "utc"),
        (str, "text"),
        (dict[str, Any], "map"),
        (list[Part], "list of [Part](#part)"),
        (Annotated[list[values.Guid], Meta(max_length=3)], "list of guid"),
        (Annotated[int, Meta(ge=1, le=200)], "int(1..200)"),
        (Literal["open", "picked"] | None, "`open` · `picked` or null"),
    ],
)
def test_types_are_said_in_the_contract_s_words(hint: Any, words: str) -> None:
    assert words_of(hint) == words


def test_a_type_without_a_word_stops_the_catalogue() -> None:
    with pytest.raises(TypeError, match="no word for"):
        words_of(complex)


def test_structs_are_found_inside_other_types() -> None:
    assert list(structs_in(dict[str, list[Part] | None])) == [Part]


def test_every_word_is_explained() -> None:
    legend = " ".join([*MEANINGS, *MEANINGS.values()])
    assert not [word for word in NAMED if word not in legend]
