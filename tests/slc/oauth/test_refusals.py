"""What is forged, replayed or leads elsewhere is refused with one answer, sends no browser away, and leaves nothing."""

from typing import Any

import pytest

from chassis.clock import Utc, later
from services.slc.lifecycle.store import OAUTH_STATES, OauthState
from services.slc.oauth.domain import is_good
from tests.slc.counter import Counter
from tests.slc.oauth.test_oauth import browse, created, signed, state_of

NOON = Utc("2026-11-30T12:00:00.000Z")
ELSEWHERE = [
    "evil.example.com",
    "acme.myshopify.com.evil.com",
    "acme.myshopify.com@evil.com",
    "acme.myshopify.com/../evil",
    "acme.myshopify.com:8443",
    "acme.myshopify.com\n",
    "acme.myshopify.com\n.evil.com",
    "acme.myshopify.com#.evil.com",
    "-acme.myshopify.com",
    ".myshopify.com",
    "127.0.0.1",
    "localhost",
    "[::1]",
    "169.254.169.254",
    "acme.myshopify.com%00.evil.com",
    "аcme.myshopify.com",
]


async def stored(counter: Counter) -> int:
    """States and credentials that are kept."""
    database = counter.slc.client.application.runtime.database
    return len(await database.collection(OAUTH_STATES.collection).find({})) + len(
        await database.collection("slc_credentials").find({})
    )


@pytest.mark.parametrize("shop", ELSEWHERE)
async def test_no_browser_is_sent_to_what_is_no_shop(counter: Counter, shop: str) -> None:
    before = await stored(counter)
    entry = await browse(counter, "", signed(shop=shop))
    callback = await browse(counter, "/oauth/callback", signed(shop=shop, code="code-0001", state="s" * 43))

    assert (entry.status, callback.status) == (400, 400)
    assert "Location" not in entry.headers
    assert "Location" not in callback.headers
    assert await stored(counter) == before


@pytest.mark.parametrize("shop", ELSEWHERE)
async def test_no_channel_is_made_of_what_is_no_shop(counter: Counter, shop: str) -> None:
    given: dict[str, Any] = {"channel_code": "WEB", "name": "x", "type": "custom", "shop_domain": shop}
    refused = await counter.slc.ask("channel/create", **given)

    assert (refused.status, list(refused.problems)) == (400, ["shop_domain"])
    assert (await counter.slc.ask("channel/list")).data["items"] == []


async def test_a_forged_or_replayed_callback_stores_nothing(counter: Counter) -> None:
    await created(counter)
    state = await state_of(counter)
    good = signed(shop=counter.domain, code="code-0001", state=state)
    before = await stored(counter)
    forgeries = [
        {**good, "code": "code-0002"},
        {**good, "shop": "other.myshopify.com"},
        {**good, "state": state[:-1] + ("A" if state[-1] != "A" else "B")},
        {**good, "hmac": good["hmac"].upper() + "0"},
        {name: value for name, value in good.items() if name != "hmac"},
        signed(shop=counter.domain, code="code-0001", state="unknown-state-0001"),
        signed(shop="other.myshopify.com", code="code-0001", state=state),
        signed(shop=counter.domain, code="code-0001", state=state, timestamp="1"),
    ]
    answers = [await browse(counter, "/oauth/callback", each) for each in forgeries]

    assert {each.status for each in answers} == {400}
    assert all("Location" not in each.headers for each in answers)
    assert await stored(counter) == before
    assert (await browse(counter, "/oauth/callback", good)).status == 302
    assert (await browse(counter, "/oauth/callback", good)).status == 400


async def test_an_exchange_with_another_channels_state_is_refused(counter: Counter) -> None:
    await created(counter)
    state = await state_of(counter)
    given = {"channel_code": "TWO", "name": "Two", "type": "custom", "shop_domain": f"two-{counter.domain}"}
    other = await counter.slc.ask("channel/create", **given)
    fields = signed(shop=counter.domain, code="code-0001", state=state)
    stranger = await counter.slc.ask("oauth/exchange", channel_id=other.data["channel"]["channel_id"], **fields)
    both = await counter.slc.ask("oauth/exchange", **counter.ids, **fields, claim="c" * 22)
    neither = await counter.slc.ask("oauth/exchange", **counter.ids)

    assert [each.status for each in (stranger, both, neither)] == [400, 400, 400]
    assert (await counter.slc.again(counter.channel))["credentials"]["present"] is False


def test_a_state_ends_with_its_time_and_its_shop() -> None:
    state = OauthState(digest="d", kind="channel", shop_domain="a.myshopify.com", expires_utc=later(NOON, 600))

    assert is_good(state, "a.myshopify.com", later(NOON, 599))
    assert not is_good(state, "a.myshopify.com", later(NOON, 600))
    assert not is_good(state, "b.myshopify.com", NOON)
    assert not is_good(None, "a.myshopify.com", NOON)


async def test_a_token_of_another_shop_is_refused_and_the_old_one_stays(counter: Counter) -> None:
    await counter.connected()
    before = counter.channel
    counter.standin.token("shpat_other_0001")
    own, counter.standin.shop.domain = counter.standin.shop.domain, "other.myshopify.com"
    try:
        refused = await counter.slc.ask("credentials/rotate", **counter.revised, access_token="shpat_other_0001")
    finally:
        counter.standin.shop.domain = own

    assert (refused.status, refused.details["check"]) == (422, "shop")
    assert await counter.slc.again(before) == before
    await counter.ask("channel/activate", **counter.revised)
