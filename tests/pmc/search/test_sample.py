"""Which trigram a search is driven by: the one that a sample of the channel's products has least often."""

import pytest

from services.pmc.search import domain
from services.pmc.search.domain import TrigramSample, rarest, sampled
from tests.pmc.given import Catalogue, spring

NOTHING = TrigramSample(sample_id="ACME/ch-web")


def test_the_rarest_trigram_is_the_one_that_fewest_sampled_products_hold() -> None:
    sample = sampled(NOTHING, [["/00", "000", "001"], ["/00", "000", "002"], ["/00", "000", "000"]])

    assert sample.products == 3
    assert sample.counts == {"/00": 3, "000": 3, "001": 1, "002": 1}
    assert rarest(["/00", "000", "001"], sample) == "001"
    assert rarest(["/00", "000", "123"], sample) == "123"


def test_without_a_sample_letters_that_are_rare_in_words_decide() -> None:
    assert rarest(["eat", "zqx", "tea"], None) == "zqx"
    assert rarest([], None) is None


def test_a_sample_stays_small_and_follows_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "SAMPLED_MAX", 10)
    monkeypatch.setattr(domain, "TRIGRAMS_MAX", 2)
    sample = sampled(NOTHING, [["old"]] * 10)

    sample = sampled(sample, [["new", "odd"], ["new"], ["new"]])

    assert (sample.products, sample.counts) == (6, {"old": 5, "new": 1})


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
