from typing import Any

import pytest

from chassis.errors import Invalid, InvalidState
from services.slc.channel.config import default_config, with_config
from services.slc.channel.domain import StoredChannel, updated
from services.slc.channel.scopes import missing_scopes, needed_scopes
from tests.slc.given import Channels

ABSENT = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"


def a_channel(**changes: Any) -> StoredChannel:
    given: dict[str, Any] = {
        "channel_id": ABSENT,
        "channel_code": "WEB",
        "name": "Web",
        "type": "standard",
        "state": "inactive",
        "shop_domain": "acme.myshopify.com",
        "config": default_config("standard", "WEB"),
        **changes,
    }
    return StoredChannel(**given)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sync_fields", ["title"]),
        ("match_by", "none"),
        ("offline_effect", "draft"),
        ("on_remove", "archive"),
        ("publication_ids", ["gid://shopify/Publication/1"]),
    ],
)
def test_a_custom_channel_refuses_what_only_standard_ones_do(field: str, value: object) -> None:
    with pytest.raises(Invalid) as refused:
        with_config("custom", default_config("custom", "WEB"), {field: value})
    assert [each.path for each in refused.value.details["fields"]] == [f"config.{field}"]
    with_config("standard", default_config("standard", "WEB"), {field: value})


def test_a_cap_is_removed_by_null() -> None:
    capped, changed = updated(a_channel(), None, {"stock_cap": 5})
    free, again = updated(capped, None, {"stock_cap": None})
    assert (capped.config.stock_cap, free.config.stock_cap) == (5, None)
    assert changed == again == ["config.stock_cap"]


def test_the_namespace_stays_while_the_channel_is_open() -> None:
    updated(a_channel(), None, {"metafield_namespace": "other"})
    with pytest.raises(InvalidState):
        updated(a_channel(state="paused"), None, {"metafield_namespace": "other"})


def test_scopes_follow_from_type_and_config() -> None:
    custom = default_config("custom", "WEB")
    quantities = with_config("custom", custom, {"sync_fields": ["inventory"]})
    assert "write_products" in needed_scopes("custom", custom)
    assert "write_products" not in needed_scopes("custom", quantities)
    assert missing_scopes("custom", quantities, ["write_inventory", "read_products", "read_locations"]) == [
        "read_assigned_fulfillment_orders",
        "read_merchant_managed_fulfillment_orders",
        "read_orders",
    ]


async def test_a_new_channel_has_the_defaults_of_its_type(slc: Channels) -> None:
    standard = await slc.channel(config={"stock_buffer": 1})
    custom = await slc.channel(type="custom")

    assert (standard["state"], standard["revision"], standard["config"]["stock_buffer"]) == ("inactive", 1, 1)
    assert len(standard["config"]["sync_fields"]) == 17
    assert standard["config"]["pmc_channel_code"] == standard["channel_code"]
    assert standard["credentials"] == {"present": False, "health": "none", "scopes": []}
    assert set(custom["config"]["sync_fields"]) == {"price", "inventory", "cost", "barcode", "metafields"}
    assert (custom["config"]["offline_effect"], custom["config"]["on_remove"]) == ("zero_stock", "leave")
    assert "stock_cap" not in custom["config"]
    assert slc.client.events == ["slc.channel.created", "slc.channel.created"]


async def test_code_and_shop_are_taken_once_in_an_org(slc: Channels) -> None:
    known = await slc.channel()
    same_code = await slc.ask(
        "channel/create",
        channel_code=known["channel_code"].lower(),
        name="x",
        type="custom",
        shop_domain="else.myshopify.com",
    )
    same_shop = await slc.ask(
        "channel/create",
        channel_code="ELSE",
        name="x",
        type="custom",
        shop_domain=known["shop_domain"].title().replace(".Myshopify.Com", ".myshopify.com"),
    )

    assert (same_code.status, same_code.details) == (
        409,
        {"field": "channel_code", "channel_id": known["channel_id"]},
    )
    assert (same_shop.status, same_shop.details) == (409, {"field": "shop_domain", "channel_id": known["channel_id"]})


async def test_a_domain_that_is_no_shop_is_refused(slc: Channels) -> None:
    for domain in ("acme.example.com", "acme.myshopify.com.evil.com", "acme.myshopify.com/x", "127.0.0.1"):
        refused = await slc.ask("channel/create", channel_code="A", name="x", type="custom", shop_domain=domain)
        assert (refused.status, list(refused.problems)) == (400, ["shop_domain"])


async def test_a_channel_is_found_by_one_of_its_names(slc: Channels) -> None:
    channel = await slc.channel()
    by_code = await slc.ask("channel/get", channel_code=channel["channel_code"])
    both = await slc.ask("channel/get", channel_code=channel["channel_code"], channel_id=channel["channel_id"])
    neither = await slc.ask("channel/get")
    absent = await slc.ask("channel/get", channel_id=ABSENT)

    assert by_code.data["channel"] == channel
    assert (both.status, neither.status, absent.status) == (400, 400, 404)


async def test_channels_are_listed_newest_first_by_state_and_type(slc: Channels) -> None:
    first, second = await slc.channel(), await slc.channel(type="custom")
    whole = await slc.ask("channel/list", limit=1)
    rest = await slc.ask("channel/list", limit=1, next_token=whole.data["next_token"])
    custom = await slc.ask("channel/list", state="inactive", type="custom")
    active = await slc.ask("channel/list", state="active")

    assert [each["channel_id"] for each in whole.data["items"] + rest.data["items"]] == [
        second["channel_id"],
        first["channel_id"],
    ]
    assert [each["channel_id"] for each in custom.data["items"]] == [second["channel_id"]]
    assert (rest.data["next_token"], active.data["items"]) == (None, [])


async def test_an_update_keeps_what_it_does_not_name(slc: Channels) -> None:
    channel = await slc.channel(config={"stock_cap": 7})
    ids = {"channel_id": channel["channel_id"]}
    changed = await slc.ask(
        "channel/update", **ids, expected_revision=1, name="Shop", config={"stock_cap": None, "debounce_ms": 0}
    )
    stale = await slc.ask("channel/update", **ids, expected_revision=1, name="Again")
    nothing = await slc.ask("channel/update", **ids, expected_revision=2)
    missing = await slc.ask("channel/update", **ids, name="Again")

    config = changed.data["channel"]["config"]
    assert (changed.data["channel"]["name"], changed.data["channel"]["revision"]) == ("Shop", 2)
    assert config == {key: value for key, value in channel["config"].items() if key != "stock_cap"} | {"debounce_ms": 0}
    assert (stale.status, nothing.status, missing.status) == (409, 400, 428)
    assert slc.client.events == ["slc.channel.created", "slc.channel.updated"]


async def test_an_export_makes_the_same_channel_elsewhere(slc: Channels) -> None:
    channel = await slc.channel(config={"stock_buffer": 3, "publication_ids": [5]})
    export = (await slc.ask("channel/export", channel_id=channel["channel_id"])).data["export"]
    same = ("channel_code", "name", "type", "shop_domain", "config")
    other = Channels(slc.client.as_caller(orgcode="T" + slc.client.caller.orgcode[:-1]))  # type: ignore[union-attr,index]
    made = await other.ask("channel/create", **{name: export[name] for name in same})

    assert export["config"]["publication_ids"] == ["gid://shopify/Publication/5"]
    assert made.data["channel"]["config"] == channel["config"]
