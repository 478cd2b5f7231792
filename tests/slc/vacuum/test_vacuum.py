from chassis.caller import Call
from chassis.clock import SystemClock
from chassis.unit import Change
from services.slc.closing.store import close_org, open_org
from tests.slc.given import Channels


async def test_other_changes_of_the_org_are_refused_while_it_is_emptied(slc: Channels) -> None:
    channel = await slc.channel()
    named = {"channel_id": channel["channel_id"], "expected_revision": channel["revision"]}
    caller = slc.client.caller
    assert caller is not None
    call = Call(caller=caller, name="test", request_id="test", started_utc=SystemClock().now())
    units = slc.client.application.runtime.units

    async def closing(change: Change) -> None:
        await close_org(change)

    async def opening(change: Change) -> None:
        await open_org(change)

    await units.change(call, closing)
    refused = await slc.ask("channel/update", **named, name="Another")
    created = await slc.ask(
        "channel/create", channel_code="POP", name="Pop", type="custom", shop_domain="pop-1.myshopify.com"
    )
    again = await slc.ask("vacuum/org", confirmation_phrase=f"VACUUM SLC {caller.orgcode} PERMANENTLY")

    assert {(each.status, each.error_code) for each in (refused, created, again)} == {(409, "slc.conflict_state")}
    assert (await slc.ask("channel/list")).status == 200
    await units.change(call, opening)
    assert (await slc.ask("channel/update", **named, name="Another")).status == 200


async def test_a_vacuum_opens_the_org_again(slc: Channels) -> None:
    await slc.channel()
    phrase = {"confirmation_phrase": f"VACUUM SLC {slc.client.caller.orgcode} PERMANENTLY"}  # type: ignore[union-attr]

    done = await slc.ask("vacuum/org", **phrase)

    assert done.data["vacuum"]["completed"] is True
    assert (await slc.ask("channel/list")).data["items"] == []
    await slc.channel()
