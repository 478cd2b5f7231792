"""Content, hashes, rules and search terms: pure rules, held against plain models."""

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from services.pmc.content import canonical, canonical_barcodes, plain_decimal
from services.pmc.pack.build import build_content, names_of
from services.pmc.pack.document import PackHeader, PackStyle
from services.pmc.pack.intake import intake_for
from services.pmc.pack.problems import Problems
from services.pmc.pack.reading import read_struct
from services.pmc.pack.scanning import Scanner
from services.pmc.pack.seen import DigestSeen
from services.pmc.pack.validate import validate_json
from services.pmc.profile.domain import Rule, profile_problems
from services.pmc.profile.gtin import check_digit, is_gtin, upca_of
from services.pmc.search.matching import contains_match, prefix_match, question_of
from services.pmc.search.patterns import literals_of, search_pattern_problem
from services.pmc.terms import bare, normalised, terms_of, word_starts
from services.pmc.words import Barcode
from tests.pmc.given import offer_of, spring, variant_of

FIRST = "c78fb55189922fee60df62d538e9f1e168cc4c3bdf5e8fdad2118409462f167b"
SECOND = "196084e2cfc66544aa807f7b051a26603785fc6e4f19d120522d2198c9b5ab1e"

JSON_LEAF = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text()
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$.\0"), min_size=1, max_size=8)
FREE = st.dictionaries(
    NAME,
    st.recursive(
        JSON_LEAF.filter(lambda each: not isinstance(each, float) or abs(each) < 1e300),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


def content_of(document: dict[str, Any], variant_id: str = "v-red-m", channel: str = "WEB") -> Any:
    problems = Problems()
    header = read_struct(PackHeader, {k: v for k, v in document.items() if k != "styles"}, "", problems)
    styles = [read_struct(PackStyle, each, f"styles.{n}", problems) for n, each in enumerate(document["styles"])]
    assert not problems.count, problems.kept
    assert header is not None
    for style in styles:
        assert style is not None
        for variant in style.variants:
            if variant.variant_id == variant_id:
                return build_content(style, variant, channel, names_of(header))
    raise KeyError(variant_id)


@pytest.mark.parametrize(("amount", "rev_id"), [("19.90", FIRST), ("17.50", SECOND)])
def test_the_hashes_of_the_guide(amount: str, rev_id: str) -> None:
    document = spring()
    offer_of(document, "v-red-m", "WEB")["price"]["amount"] = amount

    assert canonical(content_of(document)).rev_id == rev_id


@given(FREE)
def test_the_canonical_text_is_that_of_the_whole_content(attributes: dict[str, Any]) -> None:
    document = spring()
    variant_of(document, "v-red-m")["attributes"] = attributes
    try:
        content = content_of(document)
    except AssertionError:
        return  # More than 16 KiB, or a text that no database keeps.
    found = canonical(content)

    whole = rfc8785.dumps(to_builtins(content))
    assert found.text.encode() == whole
    assert found.rev_id == hashlib.sha256(whole).hexdigest()


def test_the_more_specific_part_of_a_pack_wins() -> None:
    document = spring()
    tee = document["styles"][0]
    tee["caption"], tee["attributes"] = "style", {"a": "style", "b": "style", "c": None}
    tee["channels"][0]["attributes"] = {"b": "style in channel"}
    variant_of(document, "v-red-m")["attributes"] = {"a": "variant"}
    offer_of(document, "v-red-m", "WEB")["caption"] = "offer"

    content = content_of(document)

    assert content.caption == "offer"
    assert content.attributes == {"a": "variant", "b": "style in channel", "c": None}


@pytest.mark.parametrize(
    ("given_text", "plain"), [("19.90", "19.9"), ("21.00", "21"), ("0.180", "0.18"), ("100", "100"), ("0.0", "0")]
)
def test_decimals_lose_trailing_zeros(given_text: str, plain: str) -> None:
    assert plain_decimal(given_text) == plain


def test_without_a_mark_the_first_barcode_is_primary_and_types_follow_lengths() -> None:
    found = canonical_barcodes([Barcode(value="9999"), Barcode(value="4006381333931"), Barcode(value="12345670")])

    assert [(each.value, each.type, each.primary) for each in found] == [
        ("9999", "other", True),
        ("12345670", "ean8", False),
        ("4006381333931", "ean13", False),
    ]


@given(st.text("0123456789", min_size=12, max_size=12))
def test_a_number_with_its_check_digit_is_a_gtin_and_with_another_is_none(digits: str) -> None:
    right = check_digit(digits)

    assert is_gtin(f"{digits}{right}", "ean13")
    assert not is_gtin(f"{digits}{(right + 1) % 10}", "ean13")


@pytest.mark.parametrize(
    ("short", "whole"),
    [("04252614", "042100005264"), ("01234531", "012300000451"), ("01234558", "012345000058")],
)
def test_upc_e_is_expanded_to_upc_a(short: str, whole: str) -> None:
    assert upca_of(short) == whole


BROKEN = [
    (lambda d: d.update(extra=1), "document.extra", "unknown-field"),
    (lambda d: d.pop("channels"), "document.channels", "missing"),
    (lambda d: d["styles"][0].update(title=5), "document.styles.0.title", "wrong-type"),
    (lambda d: variant_of(d, "v-red-l").update(sku="tee-red-m"), "document.styles.0.variants.1.sku", "duplicate"),
    (lambda d: d["styles"][0].update(vendor_id="no"), "document.styles.0.vendor_id", "unknown-reference"),
    (
        lambda d: offer_of(d, "v-red-m", "WEB")["price"].update(currency="USD"),
        "document.styles.0.variants.0.channels.0.price.currency",
        "inconsistent",
    ),
    (
        lambda d: variant_of(d, "v-red-m").update(attributes={"n": 2**53}),
        "document.styles.0.variants.0.attributes.n",
        "out-of-range",
    ),
    (
        lambda d: d["styles"][0]["channels"][0].update(category_id="dep-tops"),
        "document.styles.0.channels.0.category_id",
        "inconsistent",
    ),
    (
        lambda d: variant_of(d, "v-red-m").pop("option_values"),
        "document.styles.0.variants.0.option_values",
        "inconsistent",
    ),
]


@pytest.mark.parametrize(("breaks", "path", "code"), BROKEN)
def test_a_broken_document_is_refused_with_path_and_code(breaks: Any, path: str, code: str) -> None:
    document = spring()
    breaks(document)

    found = validate_json(json.dumps(document).encode(), "document")

    assert (path, code) in [(each.path, each.code) for each in found.problems]


def test_a_name_given_twice_in_attributes_is_malformed() -> None:
    text = json.dumps(spring()).replace(
        '"variant_id": "v-mug"', '"variant_id": "v-mug", "attributes": {"a": 1, "a": 2}'
    )

    found = validate_json(text.encode(), "document")

    assert [(each.path, each.code) for each in found.problems] == [
        ("document.styles.1.variants.0.attributes.a", "malformed")
    ]


def test_lone_surrogates_are_malformed() -> None:
    text = json.dumps(spring()).replace('"Mug"', '"M\\ud800g"')

    found = validate_json(text.encode(), "document")

    assert [(each.path, each.code) for each in found.problems] == [("document.styles.1.title", "malformed")]


def test_lines_without_a_header_or_styles_are_refused() -> None:
    intake = intake_for("application/x-ndjson", http_urls=False)

    assert [*intake.feed(b""), *intake.end()] == []
    assert [each.code for each in intake.problems.kept] == ["missing"]


@given(st.integers(1, 40))
def test_a_document_taken_apart_in_pieces_has_the_parts_of_the_whole(size: int) -> None:
    text = json.dumps(spring()).encode()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]

    scanner = Scanner()

    parts = [part for piece in pieces for part in scanner.feed(piece)]
    scanner.end()

    assert [json.loads(part.text) for part in parts if part.kind == "style"] == spring()["styles"]
    members = {part.name: json.loads(part.text) for part in parts if part.kind == "member"}
    assert members == {name: value for name, value in spring().items() if name != "styles"}


@given(st.lists(st.integers(0, 500), max_size=200))
def test_digests_remember_what_was_seen(numbers: list[int]) -> None:
    seen, known = DigestSeen(), set[int]()
    for number in numbers:
        assert seen.add("sku", str(number)) == (number not in known)
        known.add(number)


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("TEE-RED-M", "tee-red-m"), ("  Crème  Brûlée ", "creme brulee"), ("Straße", "strasse")],
)
def test_values_are_normalised(text: str, value: str) -> None:
    assert normalised(text) == value


def test_words_begin_after_blanks_dashes_slashes_underscores_and_dots() -> None:
    value = "a-b/c_d.e f"
    assert [value[start:] for start in word_starts(value)] == [
        "a-b/c_d.e f",
        "b/c_d.e f",
        "c_d.e f",
        "d.e f",
        "e f",
        "f",
    ]


@pytest.mark.parametrize("q", ["teeredm", "tee red m", "TEE_RED"])
def test_spellings_of_a_sku_find_it_with_prefix_and_contains(q: str) -> None:
    values = terms_of(content_of(spring())).values
    for match in (prefix_match(question_of(q, "sku"), values), contains_match(question_of(q, "sku"), values)):
        assert match is not None
        assert (match.field, match.value) == ("sku", "tee-red-m")


@given(st.text("ab-. ", min_size=1, max_size=12), st.text("ab-", min_size=2, max_size=4))
def test_index_terms_hold_every_form_that_begins_with_what_is_looked_for(title: str, q: str) -> None:
    if not title.strip():
        return
    document = spring()
    variant_of(document, "v-red-m")["title"] = title
    terms = terms_of(content_of(document))
    question = question_of(q, "any")
    match = prefix_match(question, terms.values)
    entries = [each for each in terms.words if question.plain and each.startswith(question.plain)]
    entries += [each for each in terms.bares if question.bare and each.startswith(question.bare)]

    assert (match.form if match else None) == min(entries, default=None)


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("blu[ae]?-m$", ["blu"]),
        ("red|blue", []),
        ("abc*def", ["def"]),
        (r"abc\Qx", ["abc"]),
        ("(abc)def", ["def"]),
        ("ABC+d", ["abc"]),
    ],
)
def test_literals_of_a_pattern(pattern: str, literals: list[str]) -> None:
    assert literals_of(pattern) == literals


@pytest.mark.parametrize("pattern", ["a{101}", "(?=a)b", r"(a)\1", "(", "a{1,200}"])
def test_patterns_that_are_not_taken(pattern: str) -> None:
    assert search_pattern_problem(pattern)


def test_a_bare_form_holds_letters_marks_and_digits_alone() -> None:
    assert bare("tee-red m_1") == "teeredm1"


@pytest.mark.parametrize(
    ("path", "is_taken"), [("attributes.weight_2", True), ("attributes.größe", False), ("sku", False)]
)
def test_not_below_compares_with_a_path_of_plain_letters(path: str, is_taken: bool) -> None:
    rule = Rule(rule_id="R", kind="not_below", field="price.amount", severity="error", value=path)

    assert list(profile_problems([], [rule])) == (
        [] if is_taken else [("rules.0.value", "must be the path of a number, not through a list")]
    )
