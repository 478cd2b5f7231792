"""Which addresses are reached, directly or by a redirect, and what a redirect takes along."""

import pytest
from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.errors import Invalid
from chassis.outgoing.addresses import AddressPolicy
from chassis.outgoing.client import HttpClient
from chassis.telemetry.metrics import Metrics
from tests.chassis.outgoing.given import a_client, a_site, agree, failed, in_turn


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
async def test_an_address_of_this_network_is_not_reached(host: str) -> None:
    async with a_site(agree) as site, a_client(allow="10.99.0.0/16") as client:
        failure = await failed(client.request("GET", f"http://{host}:{site.port}/", peer="shop"))

    assert failure.kind in ({"blocked"} if host in {"127.0.0.1", "localhost"} else {"blocked", "refused"})
    assert (failure.sent, failure.status, site.seen) == (False, 502, [])


async def test_a_redirect_is_checked_like_any_address() -> None:
    async with a_site(agree) as inner:
        there = {"Location": f"http://localhost:{inner.port}/secret"}
        async with a_site(in_turn(web.Response(status=302, headers=there))) as site, a_client() as client:
            client._policy._allowed = AddressPolicy(["127.0.0.1"])._allowed
            reached = await client.request("GET", site.url, peer="shop", redirects=1)
            assert reached.status == 200
        inner.seen.clear()
        blocking = HttpClient(Metrics(), _OnlyFirst())
        async with a_site(in_turn(web.Response(status=302, headers=there))) as site:
            failure = await failed(blocking.request("GET", site.url, peer="shop", redirects=1))
        await blocking.close()

    assert (failure.kind, inner.seen) == ("blocked", [])


class _OnlyFirst(AddressPolicy):
    """Allows the first address it is asked about, as if only that were public."""

    asked = 0

    def is_allowed(self, text: str) -> bool:
        self.asked += 1
        return self.asked == 1


async def test_a_redirect_is_handed_back_unless_it_shall_be_followed() -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        if request.path == "/end":
            return web.Response(text="here")
        return web.Response(status=303, headers={"Location": "/end"})

    async with a_site(answer) as site, a_client() as client:
        stays = await client.request("POST", f"{site.url}/a", peer="shop", json={})
        goes = await client.request("POST", f"{site.url}/a", peer="shop", json={}, redirects=1)

    assert (stays.status, stays.headers["Location"]) == (303, "/end")
    assert (goes.status, goes.body, goes.url.path) == (200, b"here", "/end")
    assert [method for method, *_ in site.seen] == ["POST", "POST", "GET"]


async def test_credentials_do_not_follow_to_another_host() -> None:
    async with a_site(agree) as other:
        moved = web.Response(status=307, headers={"Location": f"{other.url}/x"})
        async with a_site(in_turn(moved)) as site, a_client() as client:
            secret = {"Authorization": "Bearer t", "Cookie": "a=b", "X-Kept": "1"}
            await client.request("POST", site.url, peer="shop", body=b"x", headers=secret, redirects=1)

    method, _, headers, body = other.seen[0]
    assert (method, body, headers["X-Kept"]) == ("POST", b"x", "1")
    assert not {"Authorization", "Cookie"} & set(headers)
    assert site.seen[0][2]["Authorization"] == "Bearer t"


@pytest.mark.parametrize("url", ["ftp://a.example/", "/path", "http://", "http://user:pass@a.example/", "http://[::1"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    async with a_client() as client:
        with pytest.raises(Invalid, match="the address"):
            await client.request("GET", url, peer="shop")
