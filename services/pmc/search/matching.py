"""Whether a product is found, and by which of its forms: the rules of search as pure functions."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.pmc.terms import (
    BARE_CHARACTERS_MIN,
    BARE_FIELDS,
    FIELDS,
    FORM_CHARACTERS_MAX,
    MatchField,
    Values,
    bare,
    normalised,
    word_starts,
)
from services.pmc.words import Part

VALUE_CHARACTERS_MAX = 512


class Question(Part):
    """What is looked for: q in both forms, and the fields that count. `bare` is empty where it is too short."""

    plain: str
    bare: str
    fields: tuple[MatchField, ...]


class Match(Part):
    """The first match of a product: the form that was found, cut as it is indexed, its field and its value."""

    form: str
    field: MatchField
    value: str
    begins: bool


def question_of(q: str, field: str) -> Question:
    """What a caller looks for."""
    plain = normalised(q)
    short = bare(plain)
    fields = FIELDS if field == "any" else tuple(each for each in FIELDS if each == field)
    return Question(plain=plain, bare=short if len(short) >= BARE_CHARACTERS_MIN else "", fields=fields)


def prefix_match(question: Question, values: Values) -> Match | None:
    """The least form that begins with what is looked for."""
    return _least(
        (form, field, value, True)
        for form, field, value, is_bare in _forms(question.fields, values)
        if (asked := question.bare if is_bare else question.plain) and form.startswith(asked)
    )


def contains_match(question: Question, values: Values) -> Match | None:
    """The least form that holds what is looked for; one that begins with it comes before all others."""
    found = prefix_match(question, values)
    if found is not None:
        return found
    return _least(
        (form, field, value, False)
        for form, field, value, is_bare in _forms(question.fields, values)
        if (asked := question.bare if is_bare else question.plain) and asked in form
    )


def regex_match(pattern: Any, fields: Sequence[MatchField], values: Values) -> Match | None:
    """The least normalised value in which a compiled pattern is found."""
    return _least(
        (value, field, value, False) for field in fields for value in values.of(field) if pattern.search(value)
    )


def _forms(fields: Sequence[MatchField], values: Values) -> Iterator[tuple[str, MatchField, str, bool]]:
    """Every form of the values: form, field, value, and whether it is a bare form."""
    for field in fields:
        for value in values.of(field):
            if field == "title":
                for start in word_starts(value):
                    yield value[start:], field, value, False
            else:
                yield value, field, value, False
            if field in BARE_FIELDS:
                yield bare(value), field, value, True


def _least(found: Iterator[tuple[str, MatchField, str, bool]]) -> Match | None:
    best = min(found, key=lambda each: (each[0], FIELDS.index(each[1]), each[2]), default=None)
    if best is None:
        return None
    form, field, value, begins = best
    return Match(form=form[:FORM_CHARACTERS_MAX], field=field, value=value[:VALUE_CHARACTERS_MAX], begins=begins)
