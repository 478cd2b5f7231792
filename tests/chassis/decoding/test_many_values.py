"""Texts of many values are read by a decoder that gives way to other threads: what it finds, and where it ends."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.decoding.json_text import COMMAS_MAX, Malformed, TooManyValues, read
from chassis.decoding.pace import Pace
from chassis.errors import Invalid
from chassis.http.splitting import BodyParts, split, split_large
from tests.worst import bodies

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False), st.text('a\\"ü')
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4)
)
FILLING = [0] * (COMMAS_MAX + 1)
"""Enough values for a text to be read value by value."""


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_a_text_is_read_value_by_value_as_it_is_at_once(tree: object) -> None:
    text = msgspec.json.encode([tree, FILLING])
    assert read(text, Pace()) == read(text)


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        (b"]", "is nested deeper than 32 levels"),
        (b",]", "is not JSON at character"),
        (b"", "is not JSON at character"),
        (b",NaN]", "holds NaN"),
    ],
)
def test_mistakes_are_found_value_by_value_as_well(end: bytes, problem: str) -> None:
    deep = b"[" * 40 + b"]" * 40 if end == b"]" else b"0"
    text = b"[" + deep + b",0" * (COMMAS_MAX + 1) + end
    for pace in (None, Pace()):
        with pytest.raises(Malformed, match=problem):
            read(text, pace)


def test_a_name_that_is_given_twice_is_noted_value_by_value() -> None:
    value = read(b'{"a":1,"a":2,"b":%b}' % msgspec.json.encode(FILLING), Pace())
    assert value.names == {"a"}


def test_a_text_of_too_many_values_ends_with_those_that_were_read() -> None:
    text = b'{"name":"n","lines":[{"x":[1,2,3]},' + b"[],".join([b""] * COMMAS_MAX * 2) + b"4]}"
    with pytest.raises(TooManyValues, match="has more than 30000 values") as found:
        read(text, Pace(), values_max=30_000)

    beginning = found.value.beginning
    assert (beginning["name"], beginning["lines"][0]) == ("n", {"x": [1, 2, 3]})
    # The name, the list, its first item with four values, and as many empty lists as are left; then null.
    assert beginning["lines"][1:] == [*([[]] * (30_000 - 7)), None]


@pytest.mark.parametrize("kind", ["objects", "lists", "texts", "escapes", "pairs"])
def test_an_unread_field_is_split_off_as_it_is(kind: str) -> None:
    content = bodies(50_000)[kind]
    body = b'{"name": "n", "document" : %b,"rest":{"a":[1]}}' % content
    parts = split(body, ["document", "absent"])

    assert parts == split_large(body, ["document", "absent"])
    assert parts == BodyParts(rest=b'{"name":"n","rest":{"a":[1]}}', unread={"document": content})


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        (b"[]", {"body": "must be an object"}),
        (b'{"a":', {"body": "is not JSON at character 5"}),
        (b'{"a":1,"a":2}', {"a": "is given more than once"}),
        (b'{"name":"%b"}' % (b"x" * 9000), {"name": "is too long"}),
        (b"{%b}" % b",".join(b'"%d":0' % number for number in range(300)), {"body": "has too many fields"}),
    ],
    ids=["list", "broken", "twice", "long", "many"],
)
def test_a_large_body_that_cannot_be_split_is_refused_with_the_reason(body: bytes, problems: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        split_large(body, ["document"])

    assert {each.path: each.problem for each in refused.value.details["fields"]} == problems
