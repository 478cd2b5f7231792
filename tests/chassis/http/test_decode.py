import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.decoding.json_text import DEPTH_MAX, depth_of, is_plain, read
from chassis.errors import Invalid
from chassis.http.decode import Decoder
from tests.chassis.sample.crate.handlers import EchoRequest, endpoints

ECHO = Decoder(next(each for each in endpoints.declared if each.call == "sample_crate_echo"))
ASK = Decoder(next(each for each in endpoints.declared if each.call == "sample_crate_ask"))
FINE = {"variant_id": "v-1", "quantity": 3}
LINE = {"variant_id": "v", "quantity": 1}


def decoded(body: bytes | dict[str, object], **headers: str) -> EchoRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = ECHO.from_body(raw, headers).body
    assert isinstance(answer, EchoRequest)
    assert type(answer) is EchoRequest
    return answer


def problems(body: bytes | dict[str, object], **headers: str) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        decoded(body, **headers)
    return {field.path: field.problem for field in refused.value.details["fields"]}


def test_a_plain_body_is_decoded() -> None:
    assert decoded(FINE) == EchoRequest(variant_id="v-1", quantity=3)


def test_every_problem_is_named_by_its_path() -> None:
    found = problems(
        {
            "quantity": 0,
            "code": "!",
            "at_utc": "yesterday",
            "price": {"amount": "1.23456", "currency": "eur", "extra": 1},
            "purpose": "other",
            "lines": [LINE, {"variant_id": "v", "quantity": "1", "more": 1}, 7],
            "colour": "red",
        }
    )
    assert set(found) == {
        "variant_id",
        "quantity",
        "code",
        "at_utc",
        "price.amount",
        "price.currency",
        "price.extra",
        "purpose",
        "lines.1.quantity",
        "lines.1.more",
        "lines.2",
        "colour",
    }
    assert found["variant_id"] == "is required"
    assert found["quantity"] == "must be at least 1"
    assert found["colour"] == found["price.extra"] == found["lines.1.more"] == "is not a known field"
    assert found["lines.1.quantity"] == "must be a whole number"


def test_no_problem_quotes_what_was_sent() -> None:
    secret = "rsk_1_hunter2hunter2"
    found = problems({"variant_id": secret + "!", "quantity": secret, "code": [secret], "purpose": secret})
    assert "hunter2" not in str(found)


def test_codes_are_folded_before_they_are_checked() -> None:
    assert decoded({**FINE, "code": "a-1.x"}).code == "A-1.X"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000Z"),
        ("2024-02-29T12:00:00.1Z", "2024-02-29T12:00:00.100Z"),
        ("2024-02-29T12:00:00.123999999Z", "2024-02-29T12:00:00.123Z"),
        ("2024-02-29T12:00:00.123Z", "2024-02-29T12:00:00.123Z"),
    ],
)
def test_instants_are_kept_to_the_millisecond(sent: str, kept: str) -> None:
    assert decoded({**FINE, "at_utc": sent}).at_utc == kept


@pytest.mark.parametrize(
    "sent",
    [
        "2023-02-29T12:00:00.000Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:00:60Z",
        "2024-02-29T12:00:00+00:00",
        "2024-02-29T12:00:00.1234567890Z",
        "2024-02-29 12:00:00Z",
        "2024-02-29T12:00:00.000Z\n",
        "٢٠٢٤-02-29T12:00:00Z",
        "0000-01-01T00:00:00.000Z",
        5,
    ],
)
def test_what_is_no_instant_is_refused(sent: object) -> None:
    assert list(problems({**FINE, "at_utc": sent})) == ["at_utc"]


@pytest.mark.parametrize("sent", ["2023-02-29", "2024-13-01", "24-01-01", "2024-01-01\n", 20240101])
def test_a_day_has_to_exist(sent: object) -> None:
    assert list(problems({**FINE, "day": sent})) == ["day"]
    assert decoded({**FINE, "day": "2024-02-29"}).day == "2024-02-29"


def test_a_delta_is_never_nothing() -> None:
    assert problems({**FINE, "code": "A", "delta": 0}) == {"delta": "must not be 0"}
    assert decoded({**FINE, "code": "A", "delta": -1}).delta == -1


def test_rules_across_fields_are_asked() -> None:
    assert problems({**FINE, "delta": 4}) == {"delta": "needs a code"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"$set": 1},
        {"a": {"b.c": 1}},
        {"a": [{"x\x00": 1}]},
        {"a": "x" * 17_000},
        {"a": 1 << 63},
        {"a": -(1 << 64)},
        [],
        "text",
    ],
)
def test_a_free_map_has_its_limits(attributes: object) -> None:
    assert list(problems({**FINE, "attributes": attributes})) == ["attributes"]


def test_a_free_map_keeps_what_it_holds() -> None:
    held = {"a": [1, 2.5, None, True, {"ü": "ß"}]}
    assert decoded({**FINE, "attributes": held}).attributes == held


def test_null_counts_as_left_out() -> None:
    found = decoded({**FINE, "purpose": None, "limit": None, "lines": None, "code": None})
    assert (found.purpose, found.limit, found.lines, found.code) == ("storage", 25, [], None)
    assert problems({"variant_id": None, "quantity": 1}) == {"variant_id": "is required"}
    assert problems({**FINE, "lines": [{"variant_id": "v", "quantity": None}]}) == {"lines.0.quantity": "is required"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"variant_id": "v", "quantity": 1, "quantity": 2}',
        b'{"variant_id": "v", "quantity": 1, "quantity": 1}',
        b'{"variant_id": "v", "quantity" : 1, "quant\\u0069ty": 1}',
        b'{"variant_id":":","quantity":1,"quantity":2}',
        b'{"variant_id":"v","quantity":1,"lines":[{"variant_id":"v","quantity":1,"quantity":1}]}',
        b'{"variant_id":"v","quantity":1,"attributes":{"a":1,"a":2}}',
        b'{"variant_id":"v","quantity":1,"attributes":{":a":":", ":b":":", ":a":1}}',
    ],
)
def test_a_name_given_twice_is_refused(body: bytes) -> None:
    assert any("more than once" in problem for problem in problems(body).values())


def test_equal_names_in_different_objects_are_fine() -> None:
    assert len(decoded({**FINE, "lines": [LINE, LINE]}).lines) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{'variant_id': 1}",
        b'{"quantity": NaN}',
        b'{"quantity": -Infinity}',
        b'{"quantity": 1} x',
        b'{"variant_id": "\xff"}',
        b'{"variant_id": "\xed\xa0\x80"}',
        b'{"variant_id": "a\nb"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"attributes":' * 100_000,
        b'{"attributes": ' + b'{"a":' * 40 + b"1" + b"}" * 41,
        b'{"attributes": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}",
    ],
)
def test_what_is_no_object_we_take_is_refused_as_a_whole(body: bytes) -> None:
    assert "body" in problems(body)


@pytest.mark.parametrize(
    "value",
    ["1e400", "1" * 5000, "99999999999999999999", "1.5", "1e2", "true", '"1"', "-0.0", "[1]", "{}"],
)
def test_numbers_that_are_no_quantity_are_refused(value: str) -> None:
    assert list(problems(b'{"variant_id": "v", "quantity": %b}' % value.encode())) == ["quantity"]


def test_half_a_surrogate_pair_is_no_text() -> None:
    assert list(problems(b'{"variant_id": "v", "quantity": 1, "secret_code": "\\ud800"}')) == ["secret_code"]
    assert list(problems(b'{"variant_id": "v", "quantity": 1, "attributes": {"a": "\\udfff"}}')) == ["attributes"]
    assert msgspec.json.encode(problems(b'{"variant_id": "v", "quantity": 1, "\\ud800": 1}'))


def test_a_line_break_at_the_end_is_part_of_a_value() -> None:
    assert list(problems({**FINE, "variant_id": "v\n"})) == ["variant_id"]
    assert list(problems({**FINE, "code": "A\n"})) == ["code"]


def test_a_query_gives_numbers_truth_values_and_lists() -> None:
    found = ASK.from_query("quantity=7&exact=true&states=open&states=closed", {}).body
    assert msgspec.to_builtins(found) == {
        "quantity": 7,
        "exact": True,
        "states": ["open", "closed"],
        "secret_code": None,
    }
    assert ASK.from_query("states=open", {}).body == ASK.from_body(b'{"states": ["open"]}', {}).body


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("quantity=seven", "quantity"),
        ("quantity=0", "quantity"),
        ("quantity=1&quantity=2", "quantity"),
        ("exact=perhaps", "exact"),
        ("states=lost", "states.0"),
        ("colour=red", "colour"),
        ("quantity=%ff", "query"),
        ("secret_code=x", "secret_code"),
    ],
)
def test_what_a_query_gets_wrong_is_named(query: str, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        ASK.from_query(query, {})
    assert [field.path for field in refused.value.details["fields"]] == [path]


def test_a_secret_may_come_in_its_header() -> None:
    found = ASK.from_query("", {"x-secret-code": "sesame"}).body
    assert getattr(found, "secret_code", None) == "sesame"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*EchoRequest.__struct_fields__, "orgcode", "cccode", "idempotency_key", "nonsense"])


def outcome_of(body: bytes) -> object:
    """What becomes of a body: the request, or the problems as they would be answered."""
    try:
        return ECHO.from_body(body, {})
    except Invalid as refused:
        return msgspec.json.encode(refused.details["fields"])


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_whatever_is_sent_is_taken_or_refused(body: dict[str, object]) -> None:
    assert outcome_of(json.dumps(body).encode())


@given(st.binary(max_size=64))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    assert outcome_of(body)


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_the_quick_way_and_the_careful_way_agree(body: dict[str, object]) -> None:
    raw = json.dumps({**body, "variant_id": "v", "quantity": 1}, ensure_ascii=False).encode(errors="replace")
    # The same text, with an escape that means the letter itself: any backslash makes the decoder careful.
    assert outcome_of(raw) == outcome_of(raw.replace(b'"variant_id"', b'"v\\u0061riant_id"'))


@given(JSON)
def test_a_text_that_is_plain_can_be_read(value: object) -> None:
    raw = json.dumps(value).encode()
    if is_plain(raw) and not any(word in raw for word in (b"NaN", b"Infinity")):
        assert depth_of(read(raw)) <= DEPTH_MAX
