"""What a search goes by: the trigram that a sample of the channel's products has least often, and ranges of marks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pmc.search import domain
from services.pmc.search.domain import Known, Marks, Scale, TrigramSample, sampled
from services.pmc.search.ranges import FormRange, form_ranges, id_ranges
from services.pmc.terms import Terms, Values
from tests.pmc.given import Catalogue, spring

NOTHING = TrigramSample(sample_id="ACME/ch-web")
VALUES = Values(sku="", code=[], barcode=[], identifier=[], alias=[], title="")
FORM = st.text("ab", min_size=1, max_size=3)


def product(number: int, trigrams: list[str], words: list[str] | None = None) -> tuple[str, Terms]:
    return f"{number:05d}", Terms(values=VALUES, words=words or [], bares=[], trigrams=trigrams)


def products(*trigrams: list[str]) -> list[tuple[str, Terms]]:
    return [product(number, each) for number, each in enumerate(trigrams)]


def scale(*values: str) -> Scale:
    return Scale(Marks(text="\n".join(sorted(values)), each=48))


def test_the_rarest_trigram_is_the_one_that_fewest_sampled_products_hold() -> None:
    sample = sampled(NOTHING, products(["/00", "000", "001"], ["/00", "000", "002"], ["/00", "000"]))
    known = Known(sample)

    assert sample.products == 3
    assert sample.counts == {"/00": 3, "000": 3, "001": 1, "002": 1}
    assert known.rarest(["/00", "000", "001"]) == "001"
    assert known.rarest(["/00", "000", "123"]) == "123"
    assert (known.share_with("000"), known.share_with("001"), known.share_with(None)) == (1.0, 1 / 3, 1.0)


def test_without_a_sample_letters_that_are_rare_in_words_decide() -> None:
    assert Known(None).rarest(["eat", "zqx", "tea"]) == "zqx"
    assert Known(None).rarest([]) is None


def test_a_sample_stays_small_and_follows_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "SAMPLED_MAX", 10)
    monkeypatch.setattr(domain, "TRIGRAMS_MAX", 2)
    sample = sampled(NOTHING, products(*[["old"]] * 10))

    sample = sampled(sample, products(["new", "odd"], ["new"], ["new"]))

    assert (sample.products, sample.counts) == (6, {"old": 5, "new": 1})


def test_marks_are_thinned_and_say_how_far_apart_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "MARKS_MAX", 8)
    sample = NOTHING
    for first in range(0, 60, 6):
        sample = sampled(sample, [product(number, [], [f"w{number:03d}"]) for number in range(first, first + 6)])

    ids = Scale(sample.ids)
    assert ids.values == sorted(ids.values)
    assert 4 <= len(ids.values) <= 8
    assert ids.each == 8 * domain.SAMPLED_EACH
    assert len(Scale(sample.words).values) == len(ids.values)


@given(st.lists(FORM, max_size=30), FORM, FORM)
def test_ranges_of_forms_cover_everything_once_and_in_order(marks: list[str], start: str, end: str) -> None:
    ranges = list(form_ranges(scale(*marks), start, end))

    low = start
    for each in ranges:
        assert each.low == low
        low = each.low + "\0" if each.high is None else each.high
    assert low >= end or not ranges
    assert bool(ranges) == (start < end)


@given(st.lists(FORM, max_size=30), FORM, st.floats(0.01, 1.0))
def test_ranges_of_ids_cover_everything_once_and_in_order(marks: list[str], after: str, share: float) -> None:
    ranges = list(id_ranges(scale(*marks), after, share))

    assert ranges[0][0] == after
    assert ranges[-1][1] is None
    assert [low for low, _ in ranges[1:]] == [high for _, high in ranges[:-1]]


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_no_range_of_a_large_channel_holds_more_than_one_read(share: float) -> None:
    ids = scale(*(f"{number:06d}" for number in range(5_000)))

    ranges = list(id_ranges(ids, "", share))

    spans = [int(last) - int(above or -1) for above, last in ranges if last is not None]
    assert spans[:3] == [spans[0], 2 * spans[0], 4 * spans[0]]
    assert max(spans) * ids.each * share <= domain.READ_AT_MOST + ids.each
    assert len(spans) > 10


def test_a_form_that_many_share_is_a_range_of_its_own() -> None:
    common = scale("a", "b", "m", "m", "m", "m", "x", "y", "z")

    assert list(form_ranges(common, "a", "zz")) == [
        FormRange("a", "b"),
        FormRange("b", "m"),
        FormRange("m", None),
        FormRange("m\0", "zz"),
    ]


async def test_runs_keep_the_sample_and_searches_find_the_same_with_it(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    await pmc.run(pack_id=(await pmc.pack(spring()))["pack_id"])
    samples = pmc.client.application.runtime.database.collection("pmc_trigram_samples")
    assert pmc.client.caller is not None
    org = pmc.client.caller.orgcode
    stored = {
        each["_id"]: each["products"] for each in await samples.find({"_id": {"$gt": f"{org}/", "$lt": f"{org}0"}})
    }

    assert stored == {f"{org}/ch-store": 1, f"{org}/ch-web": 1}
    assert await pmc.found(q="ed-l", mode="contains", channel_code="WEB") == ["TEE-RED-L"]
    assert await pmc.found(q="e r", mode="contains") == ["TEE-RED-L", "TEE-RED-M"] * 2
    assert await pmc.found(q="blu.-m$", mode="regex", field="sku") == []
