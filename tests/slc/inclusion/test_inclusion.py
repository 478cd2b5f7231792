from tests.slc.given import Channels


async def test_variants_come_on_the_list_and_leave_it_once(slc: Channels) -> None:
    channel = await slc.channel()
    ids = {"channel_id": channel["channel_id"]}
    added = await slc.ask("variants/add", **ids, variant_ids=["v-1", "v-2"])
    again = await slc.ask("variants/add", **ids, variant_ids=["v-2", "v-3"])
    removed = await slc.ask("variants/remove", **ids, variant_ids=["v-1", "v-9"])

    assert (added.data["added"], added.data["present"]) == (2, 0)
    assert again.data["items"] == [
        {"variant_id": "v-2", "result": "present"},
        {"variant_id": "v-3", "result": "added"},
    ]
    assert (removed.data["removed"], removed.data["absent"]) == (1, 1)
    tally = (await slc.again(channel))["variants"]
    assert (tally["included"], tally["pending"], tally["queued"]) == (2, 2, 0)
    assert slc.client.events == [
        "slc.channel.created",
        "slc.variants.added",
        "slc.variants.added",
        "slc.variants.removed",
    ]


async def test_a_variant_named_twice_is_refused(slc: Channels) -> None:
    channel = await slc.channel()
    for action in ("variants/add", "variants/remove"):
        refused = await slc.ask(action, channel_id=channel["channel_id"], variant_ids=["v-1", "v-1"])
        assert refused.status == 400


async def test_the_list_is_newest_first_then_by_variant(slc: Channels) -> None:
    channel = await slc.channel()
    ids = {"channel_id": channel["channel_id"]}
    await slc.ask("variants/add", **ids, variant_ids=["v-2", "v-1"])
    await slc.ask("variants/add", **ids, variant_ids=["v-0"])
    first = await slc.ask("variants/list", **ids, limit=2)
    rest = await slc.ask("variants/list", **ids, limit=2, next_token=first.data["next_token"])
    one = await slc.ask("variants/list", **ids, variant_id="v-1")
    none = await slc.ask("variants/list", **ids, variant_id="v-7")
    pending = await slc.ask("variants/list", **ids, sync_state="pending")
    two = await slc.ask("variants/list", **ids, sync_state="pending", variant_id="v-1")

    listed = [each["variant_id"] for each in first.data["items"] + rest.data["items"]]
    assert (listed, rest.data["next_token"]) == (["v-0", "v-1", "v-2"], None)
    assert [each["variant_id"] for each in one.data["items"]] == ["v-1"]
    assert (none.data["items"], pending.data["count"], two.status) == ([], 3, 400)
    assert one.data["items"][0]["levels"] == []


async def test_five_hundred_variants_are_one_call(slc: Channels) -> None:
    channel = await slc.channel()
    names = [f"v-{number:03}" for number in range(500)]
    added = await slc.ask("variants/add", channel_id=channel["channel_id"], variant_ids=names)
    more = await slc.ask("variants/add", channel_id=channel["channel_id"], variant_ids=[*names, "v-500"])
    assert (added.data["added"], more.status) == (500, 400)
