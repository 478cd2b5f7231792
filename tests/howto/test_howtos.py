"""Each how-to is followed on a copy of the sample service: it works, and a sentence asks for what is left out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chassis.service import collect
from tests.chassis.process_given import ROOT
from tests.contract import test_graph_declared as declared
from tests.howto.given import HowTo, follow, hold_to_contract, running, undescribed
from tests.ics.world import Bodies

__all__ = ["follow", "hold_to_contract"]

PAGES = sorted(page.name for page in (ROOT / "docs/howto").glob("*.md") if page.name != "README.md")

Follow = Callable[..., HowTo]
Hold = Callable[[HowTo], list[str]]


def test_there_is_a_page_for_everything_a_feature_declares() -> None:
    assert PAGES == ["consumer.md", "endpoint.md", "event.md", "job.md", "raw-endpoint.md", "record.md", "work.md"]


@pytest.mark.parametrize("page", PAGES)
async def test_the_tests_of_a_page_pass_on_a_service_made_by_it(
    follow: Follow,
    page: str,
    tmp_path: Path,
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    bus_prefix: str,
) -> None:
    howto = follow(page)
    tests = howto.tests()
    assert tests
    async with running(howto, tmp_path, mongodb_uri, database_name, amqp_url, bus_prefix) as client:
        for test in tests.values():
            await test(client)


@pytest.mark.parametrize("page", ["endpoint.md", "event.md"])
def test_a_page_s_row_and_its_declaration_say_the_same(follow: Follow, hold_to_contract: Hold, page: str) -> None:
    howto = follow(page)
    assert hold_to_contract(howto) == []
    assert undescribed(howto) == []


def test_the_kind_of_a_page_keeps_the_rules_of_the_graph(follow: Follow) -> None:
    (shelf,) = [entity for entity in follow("record.md").parts.entities if entity.name == "shelf"]
    declared.test_a_kind_has_keys_that_resolve("sample", shelf)
    declared.test_a_kind_is_listed_by_an_index("sample", shelf)
    declared.test_a_kind_has_a_name_of_its_own_and_a_label("sample", shelf)
    declared.test_a_kind_has_a_history("sample", shelf)


def test_a_raw_endpoint_is_described_like_others(follow: Follow) -> None:
    assert undescribed(follow("raw-endpoint.md")) == []


def test_a_row_left_out_is_asked_for(follow: Follow, hold_to_contract: Hold) -> None:
    howto = follow("endpoint.md", "contract: endpoints")
    with pytest.raises(
        LookupError, match=r"declares POST /crate/rename, which docs/contract/sample\.yaml does not have"
    ):
        hold_to_contract(howto)


def test_a_meaning_left_out_is_asked_for(follow: Follow) -> None:
    found = undescribed(follow("event.md", "fields.yaml"))
    assert any(
        "does not say what CrateWeighRequest.grams means: add “grams: …” under `meanings`" in line for line in found
    )


def test_an_event_left_out_is_asked_for(follow: Follow) -> None:
    howto = follow("event.md", "crate/events.py")
    with pytest.raises(
        TypeError, match=r"sample_crate_weigh emits events that are not declared: \['sample\.crate\.weighed'\]"
    ):
        collect(howto.service)


def test_a_docstring_left_out_is_asked_for(follow: Follow) -> None:
    howto = follow("endpoint.md")
    handlers = howto.folder / "crate/handlers.py"
    handlers.write_text(handlers.read_text().replace('    """Give a crate another name."""\n', ""))
    with pytest.raises(
        TypeError, match=r"sample_crate_rename has no docstring; its first line is the endpoint's summary"
    ):
        collect(howto.service)


def test_a_body_left_out_is_asked_for() -> None:
    with pytest.raises(LookupError, match=r"tests/ics/world\.py has no body for ics_zone_rename: add to BODIES"):
        Bodies({})["ics_zone_rename"]
