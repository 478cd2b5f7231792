from typing import Any

import pytest

from services.slc.channel.config import default_config
from services.slc.channel.domain import Credentials, Pause
from services.slc.lifecycle.domain import missing_to_activate, paused, recovered
from tests.chassis.bus_given import eventually
from tests.shop.faults import Fault
from tests.shop.standin import ALL_SCOPES
from tests.slc.channel.test_channel import a_channel
from tests.slc.counter import TOKEN, Counter

NOW = "2026-11-30T12:00:00.000Z"


def test_a_channel_with_nothing_lacks_credentials_and_a_facility() -> None:
    none = Credentials(present=False, health="none", scopes=[])
    assert missing_to_activate(a_channel(), none, None, elsewhere=True) == ["credentials", "facility"]


def test_another_channel_on_the_shop_is_told_only_to_who_holds_the_shop() -> None:
    healthy = Credentials(present=True, health="healthy", scopes=list(ALL_SCOPES))
    failing = Credentials(present=True, health="failing", scopes=list(ALL_SCOPES))
    channel = a_channel(config=default_config("standard", "WEB"))
    assert missing_to_activate(channel, healthy, None, elsewhere=True) == ["facility", "shop_active_elsewhere"]
    assert missing_to_activate(channel, failing, None, elsewhere=True) == ["credentials_health", "facility"]


def test_a_users_pause_keeps_the_systems_cause_and_never_ends_by_itself() -> None:
    system = Pause(by="system", code="credentials", since_utc=NOW)  # type: ignore[arg-type]
    channel = paused(a_channel(state="paused", pause=system), None, NOW)  # type: ignore[arg-type]
    assert channel.pause is not None
    assert (channel.pause.by, channel.pause.code) == ("user", "credentials")
    assert recovered(channel, NOW) is None  # type: ignore[arg-type]


async def test_activation_says_what_is_missing_and_makes_the_subscriptions(counter: Counter) -> None:
    given = {"channel_code": "WEB", "name": "Web", "type": "standard", "shop_domain": counter.domain}
    await counter.ask("channel/create", **given)
    nothing = await counter.slc.ask("channel/activate", **counter.revised)
    assert (nothing.status, nothing.details["missing"]) == (409, ["credentials", "facility"])

    await counter.ask("credentials/rotate", **counter.revised, access_token=TOKEN)
    assert counter.channel["credentials"]["health"] == "healthy"
    assert counter.channel["credentials"]["shop_currency"] == "EUR"
    await counter.ask("facility/bind", **counter.revised, logical_guid="FAC-A")
    await counter.ask("variants/add", **counter.ids, variant_ids=["v-a", "v-b"])
    active = await counter.ask("channel/activate", **counter.revised)

    assert (active["channel"]["state"], active["enqueued"]) == ("active", 2)
    subscriptions = counter.standin.hooks.subscriptions.values()
    assert len(subscriptions) == 10
    assert {each.uri for each in subscriptions} == {"https://stack.example/slc/webhooks/shopify"}
    assert all(each.view()["includeFields"] for each in subscriptions)
    again = await counter.slc.ask("channel/activate", **counter.revised)
    assert again.status == 409


async def test_pause_resume_and_deactivate(counter: Counter) -> None:
    await counter.open()
    await counter.ask("channel/pause", **counter.revised, reason="stocktaking")
    assert counter.channel["pause"]["by"] == "user"
    assert (await counter.slc.ask("channel/pause", **counter.revised)).status == 409
    await counter.ask("variants/add", **counter.ids, variant_ids=["v-p"])
    resumed = await counter.ask("channel/resume", **counter.revised)
    assert (resumed["channel"]["state"], resumed["enqueued"]) == ("active", 1)
    await counter.ask("channel/deactivate", **counter.revised)
    assert counter.channel["state"] == "inactive"
    assert not counter.standin.hooks.subscriptions
    same = await counter.ask("channel/deactivate", **counter.revised)
    assert same["channel"]["revision"] == counter.channel["revision"]

    async def dropped() -> bool:
        tally = (await counter.slc.again(counter.channel))["variants"]
        return (tally["pending"], tally["queued"]) == (1, 0)

    await eventually(dropped)


@pytest.mark.parametrize(
    ("token", "scopes", "check"),
    [("shpat_unknown", None, "accepted"), ("shpat_weak_0001", ["read_products"], "scopes")],
)
async def test_a_token_that_fails_its_test_changes_nothing(
    counter: Counter, token: str, scopes: list[str] | None, check: str
) -> None:
    await counter.connected()
    before = counter.channel
    if scopes is not None:
        counter.standin.token(token, scopes)
    refused = await counter.slc.ask("credentials/rotate", **counter.revised, access_token=token)

    assert (refused.status, refused.tag) == (422, "credential-test-failed")
    assert (refused.error_code, refused.details["check"]) == ("slc.validation_failed", check)
    assert ("missing_scopes" in refused.details) == (check == "scopes")
    assert await counter.slc.again(before) == before


async def test_the_token_is_in_no_answer_event_or_record(counter: Counter) -> None:
    await counter.connected()
    database = counter.slc.client.application.runtime.database
    for name in ("slc_credentials", "slc_channels", "slc_channel_status", "events", "event_log", "idempotency"):
        for document in await database.collection(name).find({}):
            assert TOKEN not in str(document), name
            assert "shop-secret-0001" not in str(document), name
    for action in ("channel/get", "channel/export"):
        answer = await counter.slc.ask(action, **counter.ids)
        assert TOKEN.encode() not in answer.raw


async def test_a_dead_token_pauses_the_channel_until_a_good_one_comes(counter: Counter) -> None:
    await counter.open()
    counter.standin.shop.tokens.clear()
    jobs = counter.slc.client.application.runtime.jobs
    await jobs.run("SlcCredentialHealth", counter.ids, dry_run=False)
    failing = await counter.slc.again(counter.channel)
    assert (failing["state"], failing["pause"]["by"], failing["pause"]["code"]) == ("paused", "system", "credentials")
    assert failing["credentials"]["health"] == "revoked"
    counter.channel = failing
    refused = await counter.slc.ask("channel/resume", **counter.revised)
    assert (refused.status, refused.details["missing"]) == (409, ["credentials_health"])

    counter.standin.token("shpat_good_0002")
    counter.slc.client.events.clear()
    await counter.ask("credentials/rotate", **counter.revised, access_token="shpat_good_0002", webhook_secret="s" * 20)
    assert counter.channel["state"] == "active"
    assert counter.slc.client.events == ["slc.credentials.rotated", "slc.channel.resumed"]


async def test_uninstalling_revokes_the_token_and_forgets_it(counter: Counter) -> None:
    await counter.open()
    done = await counter.ask("channel/uninstall", **counter.revised)
    assert (done["revoked"], done["channel"]["state"]) == ("now", "inactive")
    assert done["channel"]["credentials"]["present"] is False
    again = await counter.slc.ask("channel/uninstall", **counter.revised)
    assert again.status == 409


async def test_deleting_wants_the_phrase_and_an_inactive_channel(counter: Counter) -> None:
    await counter.open()
    phrase = {"confirmation_phrase": "DELETE CHANNEL WEB PERMANENTLY"}
    assert (await counter.slc.ask("channel/delete", **counter.revised, **phrase)).status == 409
    await counter.ask("channel/deactivate", **counter.revised)
    wrong = await counter.slc.ask(
        "channel/delete", **counter.revised, confirmation_phrase="delete channel WEB permanently"
    )
    assert wrong.status == 400
    done = await counter.slc.ask("channel/delete", **counter.revised, **phrase)
    assert done.data["deleted"] is True
    assert "slc_credentials" in {each["collection"] for each in done.data["tally"]}
    assert (await counter.slc.ask("channel/get", **counter.ids)).status == 404


async def test_a_forced_sync_names_what_is_not_listed(counter: Counter) -> None:
    await counter.open()
    await counter.ask("variants/add", **counter.ids, variant_ids=["v-f"])
    forced = await counter.slc.ask("channel/force-sync-variant", **counter.ids, variant_ids=["v-f", "v-x"])
    assert forced.data["items"][1] == {"variant_id": "v-x", "result": "not_included"}
    whole = await counter.slc.ask("channel/force-sync", **counter.ids)
    assert whole.data["enqueued"] + whole.data["coalesced"] == 1


async def test_maps_are_forgotten_while_the_channel_is_not_active(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-m", 3)
    assert (await counter.slc.ask("channel/purge-maps", **counter.revised)).status == 409
    await counter.ask("channel/pause", **counter.revised)
    purged = await counter.ask("channel/purge-maps", **counter.revised)
    assert purged["deleted"] == 1
    row = (await counter.slc.ask("variants/list", **counter.ids, variant_id="v-m")).data["items"][0]
    assert "shopify_variant_id" not in row
    assert row["levels"] == []


async def test_a_shop_that_does_not_answer_changes_nothing(counter: Counter) -> None:
    await counter.connected()
    counter.standin.faults.add(Fault(field="shop", status=503))
    refused = await counter.slc.ask("channel/activate", **counter.revised)
    assert refused.status == 502
    rotated = await counter.slc.ask("credentials/rotate", **counter.revised, access_token=TOKEN)
    assert (rotated.status, rotated.details["check"]) == (422, "reachable")


async def test_an_org_is_emptied_once_its_channels_are_inactive(counter: Counter) -> None:
    await counter.open()
    phrase: dict[str, Any] = {"confirmation_phrase": f"VACUUM SLC {counter.orgcode} PERMANENTLY"}
    refused = await counter.slc.ask("vacuum/org", **phrase)
    assert (refused.status, refused.details["channel_ids"]) == (409, [counter.channel["channel_id"]])
    await counter.ask("channel/deactivate", **counter.revised)
    assert (await counter.slc.ask("vacuum/org", confirmation_phrase="VACUUM")).status == 400
    tried = await counter.slc.ask("vacuum/org", **phrase, dry_run=True)
    assert tried.data["vacuum"]["deleted"] == 0
    done = await counter.slc.ask("vacuum/org", **phrase)
    assert done.data["vacuum"]["completed"] is True
    assert "slc_channels" in {each["collection"] for each in done.data["vacuum"]["collections"]}
    assert (await counter.slc.ask("channel/list")).data["items"] == []
