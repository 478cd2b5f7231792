from time import time
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from chassis.caller import ANONYMOUS
from chassis.testing.client import TestAnswer
from services.slc.shopify.signatures import sign_query
from tests.shop.standin import ALL_SCOPES
from tests.slc.counter import Counter
from tests.slc.directory import Directory

APP_SECRET = "app-secret-0001"


def signed(**fields: str) -> dict[str, str]:
    given = {"timestamp": str(int(time())), **fields}
    return {**given, "hmac": sign_query(given, APP_SECRET)}


async def browse(counter: Counter, path: str, fields: dict[str, str], cookie: str = "") -> TestAnswer:
    client = counter.slc.client.as_caller()
    client.caller = ANONYMOUS
    headers = {"Cookie": cookie} if cookie else {}
    return await client.send("GET", f"{path}?{urlencode(fields)}", None, headers)


async def state_of(counter: Counter) -> str:
    answer = await counter.slc.ask("oauth/install-url", **counter.ids)
    url = urlsplit(answer.data["url"])
    assert (url.netloc, url.path) == (counter.domain, "/admin/oauth/authorize")
    query = parse_qs(url.query)
    assert query["redirect_uri"] == ["https://stack.example/slc/oauth/callback"]
    return str(query["state"][0])


async def created(counter: Counter) -> None:
    given = {"channel_code": "WEB", "name": "Web", "type": "custom", "shop_domain": counter.domain}
    await counter.ask("channel/create", **given)
    counter.standin.codes["code-0001"] = list(ALL_SCOPES)


async def test_a_channel_is_connected_by_its_own_state_once(counter: Counter) -> None:
    await created(counter)
    fields = signed(shop=counter.domain, code="code-0001", state=await state_of(counter))
    forged = {**fields, "hmac": fields["hmac"][:-1] + ("0" if fields["hmac"][-1] != "0" else "1")}
    wrong = await browse(counter, "/oauth/callback", forged)
    done = await browse(counter, "/oauth/callback", fields)
    again = await browse(counter, "/oauth/callback", fields)

    assert (wrong.status, again.status) == (400, 400)
    assert done.status == 302
    target = urlsplit(done.headers["Location"])
    assert dict(parse_qsl(target.query)) == {"result": "connected", "channel_id": counter.channel["channel_id"]}
    assert target.netloc == "app.example"
    credentials = (await counter.slc.again(counter.channel))["credentials"]
    assert (credentials["kind"], credentials["health"]) == ("oauth", "healthy")
    assert "expires_utc" in credentials


async def test_a_state_for_another_shop_or_an_old_timestamp_is_refused(counter: Counter) -> None:
    await created(counter)
    state = await state_of(counter)
    other = await browse(counter, "/oauth/callback", signed(shop="x.myshopify.com", code="code-0001", state=state))
    old = signed(shop=counter.domain, code="code-0001", state=state, timestamp=str(int(time()) - 200))
    late = await browse(counter, "/oauth/callback", old)
    assert (other.status, late.status) == (400, 400)


async def test_who_may_not_manage_channels_any_more_sees_a_claim_instead(
    counter: Counter, directory: Directory
) -> None:
    await created(counter)
    fields = signed(shop=counter.domain, code="code-0001", state=await state_of(counter))
    directory.down = True
    unknown = await browse(counter, "/oauth/callback", fields)
    directory.down = False
    directory.roles[counter.orgcode] = ["slc_view"]
    done = await browse(counter, "/oauth/callback", fields)

    assert unknown.status == 503
    assert done.status == 302
    target = dict(parse_qsl(urlsplit(done.headers["Location"]).query))
    assert target["result"] == "claim"
    asked = directory.asked[-1]
    assert (asked.kind, asked.actor, asked.orgcode) == ("user", "tester", counter.orgcode)
    assert (await counter.slc.again(counter.channel))["credentials"]["present"] is False
    # Whoever holds the role and the claim may bind the token.
    await counter.ask("oauth/exchange", **counter.ids, claim=target["claim"])
    assert counter.channel["credentials"]["present"] is True


async def test_a_stranger_to_the_org_connects_nothing(counter: Counter, directory: Directory) -> None:
    await created(counter)
    directory.roles[counter.orgcode] = None
    fields = signed(shop=counter.domain, code="code-0001", state=await state_of(counter))
    done = await browse(counter, "/oauth/callback", fields)

    assert dict(parse_qsl(urlsplit(done.headers["Location"]).query))["result"] == "claim"
    assert (await counter.slc.again(counter.channel))["credentials"]["present"] is False


async def test_an_installation_from_the_shop_ends_in_a_claim_that_is_good_once(counter: Counter) -> None:
    await created(counter)
    entry = await browse(counter, "", signed(shop=counter.domain))
    assert entry.status == 302
    place = urlsplit(entry.headers["Location"])
    assert place.netloc == counter.domain
    state = parse_qs(place.query)["state"][0]
    cookie = entry.headers["Set-Cookie"].split(";")[0]
    fields = signed(shop=counter.domain, code="code-0001", state=state)

    stranger = await browse(counter, "/oauth/callback", fields)
    done = await browse(counter, "/oauth/callback", fields, cookie)
    assert (stranger.status, done.status) == (400, 302)
    claim = dict(parse_qsl(urlsplit(done.headers["Location"]).query))["claim"]
    assert (await counter.slc.again(counter.channel))["credentials"]["present"] is False
    await counter.ask("oauth/exchange", **counter.ids, claim=claim)
    assert counter.channel["credentials"]["present"] is True
    again = await counter.slc.ask("oauth/exchange", **counter.ids, claim=claim)
    assert again.status == 400


async def test_the_entry_refuses_what_is_not_signed_by_the_shop(counter: Counter) -> None:
    unsigned = {**signed(shop=counter.domain), "hmac": "0" * 64}
    elsewhere = signed(shop="evil.example.com")
    for fields in (unsigned, elsewhere):
        refused = await browse(counter, "", fields)
        assert (refused.status, "Location" in refused.headers) == (400, False)
