from tests.slc.counter import Counter


async def test_the_first_facility_is_primary_and_there_is_always_one(counter: Counter) -> None:
    await counter.connected()
    first = counter.channel["facilities"][0]
    assert (first["primary"], first["location_id"], first["location_name"]) == (
        True,
        "gid://shopify/Location/1",
        "Main street",
    )
    unbound = await counter.slc.ask("facility/unbind", **counter.revised, logical_guid="FAC-A")
    refused = await counter.slc.ask("facility/bind", **counter.revised, logical_guid="FAC-A", primary=False)
    assert (unbound.status, refused.status) == (409, 409)

    await counter.ask("facility/bind", **counter.revised, logical_guid="FAC-B", location_id=1, primary=True)
    assert [each["primary"] for each in counter.channel["facilities"]] == [False, True]
    await counter.ask("facility/unbind", **counter.revised, logical_guid="FAC-A")
    assert [each["logical_guid"] for each in counter.channel["facilities"]] == ["FAC-B"]
    absent = await counter.slc.ask("facility/unbind", **counter.revised, logical_guid="FAC-A")
    assert absent.status == 404


async def test_a_location_must_be_one_of_the_shop(counter: Counter) -> None:
    await counter.connected()
    wrong = await counter.slc.ask("facility/bind", **counter.revised, logical_guid="FAC-B", location_id=77)
    kind = await counter.slc.ask(
        "facility/bind", **counter.revised, logical_guid="FAC-B", location_id="gid://shopify/Order/1"
    )
    assert (wrong.status, kind.status) == (400, 400)
    assert wrong.details["locations"] == [{"location_id": "gid://shopify/Location/1", "name": "Main street"}]
    counter.standin.shop.add_location("Side street")
    several = await counter.slc.ask("facility/bind", **counter.revised, logical_guid="FAC-B")
    assert (several.status, len(several.details["locations"])) == (400, 2)


async def test_without_credentials_the_location_is_taken_as_it_is_said(counter: Counter) -> None:
    given = {"channel_code": "WEB", "name": "Web", "type": "custom", "shop_domain": counter.domain}
    await counter.ask("channel/create", **given)
    nowhere = await counter.slc.ask("facility/bind", **counter.revised, logical_guid="FAC-A")
    assert nowhere.status == 400
    await counter.ask("facility/bind", **counter.revised, logical_guid="FAC-A", location_id="9")
    assert counter.channel["facilities"][0]["location_id"] == "gid://shopify/Location/9"
