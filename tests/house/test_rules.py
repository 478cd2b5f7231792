"""The house rules hold, and would notice if they did not."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chassis.http.meanings import Meanings
from chassis.http.openapi import openapi
from chassis.service import collect
from tests.chassis.sample.app import SAMPLE
from tests.house import bounds, described, documents, rules


@pytest.mark.parametrize(
    "rule", [*rules.RULES, *bounds.RULES, *documents.RULES, *described.RULES], ids=lambda rule: rule.__name__
)
def test_the_rule_holds_everywhere(rule: Callable[[], Iterator[str]]) -> None:
    broken = list(rule())
    assert not broken, "\n".join([(rule.__doc__ or "").strip(), *broken])


def test_a_handler_that_calls_out_is_noticed() -> None:
    source = """
@endpoints.post("/create")
async def ics_zone_create(change, http):
    zone = await change.get(1)
    await zone.keep()
    await http.post("/")
"""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.AsyncFunctionDef)
    noticed = list(rules._foreign_awaits_of(Path(rules.ROOT / "services/x.py"), function))
    assert len(noticed) == 1
    assert "services/x.py:6" in noticed[0]


def test_an_event_behind_a_posting_is_noticed() -> None:
    source = """
async def ics_zone_create(change):
    async with posting(change, "zone") as p:
        change.emit("inside", "1")
    change.emit("behind", "1")
"""
    noticed = list(rules._loose_postings_of(rules.ROOT / "services/ics/x.py", ast.parse(source)))
    assert len(noticed) == 1
    assert "services/ics/x.py:5" in noticed[0]


def test_a_ledger_written_without_a_posting_is_noticed() -> None:
    noticed = list(
        rules._loose_postings_of(rules.ROOT / "services/ics/x.py", ast.parse("Posting('ACME', now, new_id)"))
    )
    assert ["use `async with posting(...)`" in each for each in noticed] == [True]


def test_the_engine_behind_a_comment_is_noticed() -> None:
    assert rules.EMBEDDED_ENGINE.search("# the embedded engine reads a range to its end")
    assert not rules.EMBEDDED_ENGINE.search("the IPv4 address embedded in this one")


def test_an_entity_without_a_shard_key_is_noticed() -> None:
    source = """
ZONES = Entity("zone", Zone, collection="zones", id="zone_id", shard_key=("orgcode",))
BINS = Entity("bin", Bin, collection="bins", id="bin_id")
"""
    noticed = list(rules._unspread_entities_of(rules.ROOT / "services/ics/x.py", ast.parse(source)))
    assert len(noticed) == 1
    assert "services/ics/x.py:3" in noticed[0]


def test_a_read_of_everything_is_noticed_and_one_with_a_bound_is_not() -> None:
    source = """
async def zones_of(view):
    some = await view.find_all(ZONES, {}, order=("code",), at_most=10)
    rest = await view.find_all(ZONES, {}, order=("code",), at_most=None)
    async def within(view):
        return await promises_of(view, "FAC-A", "VAR-1")
"""
    assert list(bounds.whole_reads(ast.parse(source))) == [(4, "zones_of"), (6, "within")]


@pytest.mark.parametrize("line", ["--index-url=https://example.org/simple", 'cd "/home/somebody"', "# /root/x"])
def test_an_address_that_does_not_belong_here_is_noticed(line: str) -> None:
    assert rules.PACKAGE_HOSTS.search(line) or rules.MACHINE_PATHS.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "the table of the contract's section 99",
        "rule Q keeps it",
        "Scenario 9 of the ICS domain guide",
        "see docs/contract/ics.md#1-nothing",
        "in the contract's nothing.yaml",
    ],
)
def test_a_citation_of_what_the_contract_does_not_have_is_noticed(line: str) -> None:
    pages = {"ics.md": "## 1. Ledger\n"}
    assert len(list(documents.dead_in(line, ["1. Ledger", "Rule Z", "ICS domain guide"], pages))) == 1


def test_a_citation_of_a_heading_is_fine() -> None:
    headings = ["3. What each call moves", "Rule G", "Scenario 1: receive"]
    for line in ("the contract's section 3", "rule G holds", "docs/contract/ics.md#3-what-each-call-moves"):
        assert list(documents.dead_in(line, headings, {"ics.md": "## 3. What each call moves\n"})) == []


def test_links_are_spelled_as_headings_are() -> None:
    page = "# Rule Z\n## 11. Serials, batches, UDI\n## The `demo`\n## The demo\n```\n# not a heading\n```\n"
    assert documents.anchors(page) == {"rule-z", "11-serials-batches-udi", "the-demo", "the-demo-1"}


def test_a_field_without_a_description_is_noticed_with_the_place_to_add_it() -> None:
    meanings = Meanings({"meanings": {"gone": "What there was."}}, {}, "sample/fields.yaml")
    noticed = list(described.undescribed_in(collect(SAMPLE), meanings))
    assert any(
        line.startswith("sample/fields.yaml does not say what Crate.code means: add “code: …”") for line in noticed
    )
    assert "sample/fields.yaml has `meanings: gone`, and no call or event has such a field: take it out" in noticed


def test_a_property_or_parameter_without_a_description_is_noticed() -> None:
    document = {
        "schemas": {"Part": {"properties": {"seq": {"type": "integer"}, "size": {"description": "How large."}}}},
        "parameters": [{"name": "limit", "in": "query"}, {"$ref": "#/x"}],
    }
    assert list(described.bare_in(document, "")) == ["/schemas/Part/properties/seq", "/parameters/limit"]


def test_an_example_that_its_schema_refuses_is_noticed() -> None:
    schema = {"$ref": "#/components/schemas/Part"}
    part = {"type": "object", "properties": {"seq": {"type": "integer", "examples": [1]}}, "required": ["seq"]}
    document = {
        "components": {"schemas": {"Part": part}},
        "paths": {"/x": {"schema": schema, "example": {"seq": "one"}}},
    }
    assert [where for where, _ in described.unfit_examples(document)] == ["/paths//x seq"]


def test_an_example_that_the_service_refuses_is_noticed() -> None:
    close = next(each for each in collect(SAMPLE).endpoints if each.call == "sample_crate_close")
    assert described.refusal_of(close, {"crate_id": "none"}).startswith("crate_id: ")
    document = openapi(SAMPLE, collect(SAMPLE), "dev")
    body = document["paths"]["/sample/crate/close"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert described.refusal_of(close, body) == ""


def test_a_deadline_that_does_not_stretch_is_noticed() -> None:
    source = """
async with asyncio.timeout(PATIENCE_SECONDS):
    await asyncio.wait_for(done.wait(), 30)
    await asyncio.wait_for(done.wait(), stretched(30))
    await asyncio.wait_for(never.wait(), 0.3)
"""
    noticed = list(rules._unstretched_waits_of(rules.ROOT / "tests/x.py", ast.parse(source)))
    assert [each.partition(":")[2].partition(":")[0] for each in noticed] == ["2", "3"]
