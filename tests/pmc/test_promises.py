"""What a caller can check from outside: the lines of the contract's guide that the scenario does not hold."""

import asyncio
import hashlib
import threading
from typing import Any

import pytest
import rfc8785

from services.pmc.search import modes
from services.pmc.search.matching import regex_match
from tests.holding import CALLER_SECONDS, held_at_most
from tests.pmc.given import Catalogue, offer, offer_of, some, spring, variant_of


async def published(pmc: Catalogue) -> str:
    """The scenario's pack, published to both channels; its id."""
    await pmc.scenario_profiles()
    pack_id: str = (await pmc.pack(spring()))["pack_id"]
    await pmc.run(pack_id=pack_id)
    return pack_id


async def test_of_two_clients_with_one_revision_one_steps(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    run = await pmc.start(pack_id=(await pmc.pack(spring()))["pack_id"])
    step = {"run_id": run["run_id"], "expected_revision": 1, "max_items": 3}

    answers = await asyncio.gather(*(pmc.post("/publish/run/step", **step) for _ in range(2)))

    assert sorted(each.status for each in answers) == [200, 409]
    run = (await pmc.get("/publish/run/get", run_id=run["run_id"])).data["run"]
    assert (run["processed"], sum(run["outcomes"].values())) == (3, 3)


@pytest.mark.parametrize(("max_items", "steps"), [(1, 7), (3, 3), (7, 1), (200, 1)])
async def test_steps_needed_are_items_by_step_rounded_up(pmc: Catalogue, max_items: int, steps: int) -> None:
    await pmc.scenario_profiles()
    run = await pmc.run(max_items, pack_id=(await pmc.pack(spring()))["pack_id"])

    assert (run["steps"], run["manifest_lines"]) == (steps, 7)


async def test_running_a_pack_again_changes_nothing(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    pmc.client.events.clear()

    run = await pmc.run(pack_id=pack_id)

    assert some(run["outcomes"]) == {"unchanged": 6, "blocked": 1}
    assert run["new_revisions"] == 0
    assert not [event for event in pmc.client.events if event.startswith("pmc.product.")]


async def test_content_that_returns_is_a_new_revision_with_the_first_hash(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    variant_of(document, "v-red-m")["title"] = "Other"
    await pmc.pack(document, pack_id=pack_id)
    await pmc.run(pack_id=pack_id)
    await pmc.pack(spring(), pack_id=pack_id)
    await pmc.run(pack_id=pack_id)

    product = await pmc.product("v-red-m")
    items = (await pmc.get("/product/revision/list", product_id=product["product_id"])).data["items"]

    assert [each["rev"] for each in items] == [3, 2, 1]
    assert items[0]["rev_id"] == items[2]["rev_id"] != items[1]["rev_id"]


async def test_blocked_content_is_never_served_and_a_fixed_pack_clears_the_reasons(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    del offer_of(document, "v-red-m", "WEB")["price"]
    await pmc.pack(document, pack_id=pack_id)
    await pmc.run(pack_id=pack_id)
    blocked = await pmc.product("v-red-m")
    assert (blocked["head"]["rev"], blocked["live"]["rev"], blocked["publishable"]) == (2, 1, False)
    assert (blocked["content"]["price"]["amount"], blocked["online_state"]) == ("19.9", "online")
    assert [(each["rule_id"], each["field"]) for each in blocked["reasons"]] == [
        ("REQUIRED.PRICE.AMOUNT", "price.amount")
    ]

    await pmc.pack(spring(), pack_id=pack_id)
    await pmc.run(pack_id=pack_id)

    fixed = await pmc.product("v-red-m")
    assert (fixed["live"]["rev"], fixed["reasons"], fixed["publishable"]) == (3, [], True)


async def test_withdrawn_goes_offline_and_comes_back_when_it_is_active_again(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    offer_of(document, "v-red-m", "WEB")["status"] = "withdrawn"
    await pmc.pack(document, pack_id=pack_id)
    run = await pmc.run(pack_id=pack_id, channel_code="WEB")
    gone = await pmc.product("v-red-m")
    assert (some(run["outcomes"])["withdrawn"], gone["online_state"], gone["online_reason_code"]) == (
        1,
        "offline",
        "WITHDRAWN",
    )

    await pmc.pack(spring(), pack_id=pack_id)
    await pmc.run(pack_id=pack_id)

    assert (await pmc.product("v-red-m"))["online_state"] == "online"


async def test_what_a_person_takes_offline_no_run_puts_online(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    for variant_id in ("v-red-m", "v-mug"):
        product = await pmc.product(variant_id)
        fields = {"product_id": product["product_id"], "expected_revision": product["revision"]}
        held = await pmc.post("/product/online/clear", **fields)
        assert (held.data["product"]["held"], held.data["product"]["revision"]) == (True, 2)
    document = spring()
    offer_of(document, "v-mug", "WEB")["price"] = {"amount": "9.00", "currency": "EUR"}
    await pmc.pack(document, pack_id=pack_id)

    await pmc.run(pack_id=pack_id)

    for variant_id in ("v-red-m", "v-mug"):
        assert (await pmc.product(variant_id))["online_state"] == "offline"


async def test_a_staged_run_touches_nothing_live(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    offer_of(document, "v-red-m", "WEB")["price"]["amount"] = "5.00"
    await pmc.pack(document, pack_id=pack_id)

    run = await pmc.run(pack_id=pack_id, target="staged", channel_code="WEB")

    product = await pmc.product("v-red-m")
    assert some(run["outcomes"]) == {"updated": 1, "unchanged": 2, "blocked": 1}
    assert (product["head"]["rev"], product["live"]["rev"], product["pointers"]["staged"]["rev"]) == (2, 1, 2)
    assert (await pmc.product("v-red-m", view="staged"))["content"]["price"]["amount"] == "5"
    live = await pmc.run(pack_id=pack_id, channel_code="WEB")
    product = await pmc.product("v-red-m")
    assert (some(live["outcomes"])["promoted"], product["live"]["rev"], product["pointers"]) == (1, 2, {})


async def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(spring()))["pack_id"]

    run = await pmc.run(pack_id=pack_id, dry_run=True)

    assert (some(run["outcomes"]), run["new_revisions"]) == ({"created": 6, "blocked": 1}, 7)
    assert (await pmc.stats())["products"] == 0
    assert (await pmc.list())["items"] == []


async def test_an_undo_restores_live_and_is_refused_while_a_later_run_stands(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    offer_of(document, "v-red-m", "WEB")["price"]["amount"] = "5.00"
    await pmc.pack(document, pack_id=pack_id)
    first = await pmc.run(pack_id=pack_id)
    second = await pmc.run(pack_id=pack_id)
    early = await pmc.post("/publish/run/start", undo_of=first["run_id"])
    assert (early.status, early.tag, early.details["run_id"]) == (409, "invalid-state", second["run_id"])

    await pmc.run(undo_of=second["run_id"])
    undo = await pmc.run(undo_of=first["run_id"])

    product = await pmc.product("v-red-m")
    assert some(undo["outcomes"]) == {"promoted": 1, "unchanged": 6}
    assert (product["live"]["rev"], product["head"]["rev"], product["content"]["price"]["amount"]) == (1, 2, "19.9")
    assert (await pmc.list(sku="TEE-RED-M", online_state="online"))["items"][0]["price"]["amount"] == "19.9"


async def test_products_of_another_org_do_not_exist(pmc: Catalogue) -> None:
    await published(pmc)
    product_id = (await pmc.product("v-red-m"))["product_id"]
    other = Catalogue(pmc.client.as_caller(orgcode="OTHER001"))

    theirs = await other.get("/product/get", product_id=product_id)
    nobodys = await other.get("/product/get", product_id="0" * 8 + product_id[8:])

    assert (theirs.status, theirs.error) == (404, nobodys.error)
    assert (await other.list())["items"] == []
    assert await other.found(q="tee-red") == []


@pytest.mark.parametrize(
    "query",
    [
        {"q": "t"},
        {"q": "te", "mode": "contains"},
        {"q": "123", "field": "barcode"},
        {"q": "12a4", "field": "barcode"},
        {"q": "(?=a)bc", "mode": "regex"},
        {"q": "a{101}", "mode": "regex"},
        {"q": "x" * 129},
    ],
)
async def test_questions_that_are_too_short_or_no_pattern_are_refused(pmc: Catalogue, query: dict[str, Any]) -> None:
    answer = await pmc.get("/product/search", **query)

    assert (answer.status, answer.tag, list(answer.problems)) == (400, "invalid-input", ["q"])


async def test_a_viewer_may_not_search_by_pattern(pmc: Catalogue) -> None:
    viewer = pmc.client.with_roles("pmc_view")

    answer = await viewer.get("/product/search", q="abc", mode="regex")

    assert (answer.status, answer.tag, answer.error_code) == (403, "forbidden-role", "pmc.forbidden")


BOMBS = ["(a+)+$", "(.*)*x", "(a|aa)+$", "(a?){100}a{100}", "(" * 120 + "a" + ")" * 120]


@pytest.mark.parametrize("pattern", BOMBS)
async def test_patterns_made_to_be_slow_are_answered_while_the_loop_is_free(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    await pmc.profile("WEB")
    await pmc.run(pack_id=(await pmc.pack(bait()))["pack_id"])
    threads: set[int] = set()

    def watched(*given: Any) -> Any:
        threads.add(threading.get_ident())
        return regex_match(*given)

    monkeypatch.setattr(modes, "regex_match", watched)
    async with held_at_most(CALLER_SECONDS):
        answer = await pmc.get("/product/search", q=pattern, mode="regex", limit=5)

    assert answer.status in {200, 400}
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("pattern", BOMBS[:3])
async def test_patterns_of_rules_made_to_be_slow_leave_the_loop_free(pmc: Catalogue, pattern: str) -> None:
    rule = {"rule_id": "BOMB", "kind": "pattern", "field": "title", "value": pattern, "severity": "error"}
    await pmc.profile("WEB", rules=[rule])
    run = await pmc.start(pack_id=(await pmc.pack(bait()))["pack_id"])

    async with held_at_most(CALLER_SECONDS):
        run = await pmc.step(run)

    assert (run["status"], run["processed"]) == ("completed", BAIT)


BAIT = 100


def bait() -> dict[str, Any]:
    """A pack whose titles make a matcher that goes back try very often."""
    document = spring()
    (tee, _) = document["styles"]
    variant = tee["variants"][0]
    tee["options"] = [{"name": "No", "values": [str(number) for number in range(BAIT)]}]
    tee["variants"] = [
        {
            **variant,
            "variant_id": f"v-{number}",
            "variant_code": f"V-{number}",
            "sku": f"SKU-{number}",
            "title": f"{'a' * 240}! {number}",
            "option_values": [{"name": "No", "value": str(number)}],
            "channels": [offer("WEB", "1.00")],
        }
        for number in range(BAIT)
    ]
    document["styles"] = [tee]
    return document


@pytest.mark.parametrize("mode", ["prefix", "contains", "regex"])
async def test_following_tokens_meets_every_hit_once(pmc: Catalogue, mode: str) -> None:
    await published(pmc)
    whole = (await pmc.get("/product/search", q="tee", mode=mode)).data["items"]
    token: str | None = None
    found: list[Any] = []
    while True:
        page = await pmc.get("/product/search", q="tee", mode=mode, limit=2, **({"next_token": token} if token else {}))
        found += page.data["items"]
        token = page.data["next_token"]
        if token is None:
            break

    assert len(whole) == 6
    assert found == whole


@pytest.mark.parametrize("bound", ["SCANNED_SECONDS_MAX", "SCANNED_VALUES_MAX"])
async def test_a_regex_page_that_reaches_a_work_bound_says_so_and_its_token_goes_on(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    await published(pmc)
    query = {"q": "red|mug", "mode": "regex"}
    whole = (await pmc.get("/product/search", **query)).data
    assert (len(whole["items"]), whole["scan_limited"], whole["next_token"]) == (5, False, None)
    monkeypatch.setattr(modes, bound, 0)
    monkeypatch.setattr(modes, "MATCHED_AT_ONCE", 2)

    pages = [(await pmc.get("/product/search", **query)).data]
    while pages[-1]["next_token"] is not None:
        pages.append((await pmc.get("/product/search", **query, next_token=pages[-1]["next_token"])).data)

    assert [each["scan_limited"] for each in pages] == [True, True, True, False]
    assert [item for page in pages for item in page["items"]] == whole["items"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"sku": "a", "style_id": "b"}, ["sku", "style_id"]),
        ({"identifier_type": "ERP"}, ["identifier_value"]),
        ({"only_online": "true", "online_state": "offline"}, ["online_state", "only_online"]),
        ({"channel_code": "WEB", "sku": "a"}, ["channel_code", "sku"]),
    ],
)
async def test_filters_that_do_not_go_together_are_named(
    pmc: Catalogue, query: dict[str, Any], fields: list[str]
) -> None:
    answer = await pmc.get("/product/list", **query)

    assert (answer.status, sorted(answer.problems)) == (400, fields)


async def test_a_unique_rule_sees_earlier_items_of_the_same_step(pmc: Catalogue) -> None:
    rule = {"rule_id": "ONCE", "kind": "unique", "field": "barcodes", "severity": "error"}
    await pmc.profile("WEB", rules=[rule])
    document = spring()
    document["channels"] = [{"channel_code": "WEB", "currency": "EUR"}]
    for each in document["styles"][0]["variants"]:
        each["channels"] = [offer("WEB", "1.00")]
        each["barcodes"] = [{"value": "4006381333931"}]
    pack_id = (await pmc.pack(document))["pack_id"]

    dry = await pmc.run(pack_id=pack_id, dry_run=True)
    run = await pmc.run(pack_id=pack_id)

    assert some(dry["outcomes"]) == {"created": 4}
    assert some(run["outcomes"]) == {"created": 2, "blocked": 2}


async def test_hashes_are_those_of_the_answered_content(pmc: Catalogue) -> None:
    await published(pmc)
    product = await pmc.product("v-blu-m")

    assert hashlib.sha256(rfc8785.dumps(product["content"])).hexdigest() == product["head"]["rev_id"]
