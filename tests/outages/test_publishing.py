"""PMC is killed in the middle of steps: the run ends as one that nothing disturbed, and every item is done once."""

import asyncio
import hashlib
import json
from time import monotonic
from typing import Any

import aiohttp
import pytest

from tests.outages.world import World
from tests.waiting import stretched

pytestmark = pytest.mark.outage

STYLES = 60
VARIANTS = 3
STEP_ITEMS = 20
KILLS = 2
PATIENCE_SECONDS = 90.0


def document(name: str) -> dict[str, Any]:
    """A pack of some styles with their variants, in a channel of its own; each seventh variant has no price."""
    styles = []
    for number in range(STYLES):
        variants = [
            {
                "variant_id": f"{name}-{number}-{place}",
                "variant_code": f"{name}-{number}-{place}",
                "sku": f"{name}-{number:03d}-{place}",
                "option_values": [{"name": "Size", "value": str(place)}],
                "channels": [
                    {"channel_code": name}
                    if (number * VARIANTS + place) % 7 == 0
                    else {"channel_code": name, "price": {"amount": f"{number}.50", "currency": "EUR"}}
                ],
            }
            for place in range(VARIANTS)
        ]
        options = [{"name": "Size", "values": [str(place) for place in range(VARIANTS)]}]
        style = {"style_id": f"{name}-{number}", "style_code": f"{name}-{number}", "title": f"Article {number}"}
        styles.append({**style, "options": options, "variants": variants})
    return {
        "format": "retailstack.pack/1",
        "channels": [{"channel_code": name, "currency": "EUR"}],
        "styles": styles,
    }


class Publisher:
    """Someone who publishes through the gateway, and asks again when PMC was away."""

    def __init__(self, world: World, http: aiohttp.ClientSession, channel: str) -> None:
        self.world = world
        self.http = http
        self.channel = channel
        self.url = f"{world.stack['GATEWAY_URL']}/pmc"
        self.headers = {**world.headers, "x-channel-code": channel}

    async def ask(self, method: str, path: str, **fields: Any) -> tuple[int, Any]:
        given: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        async with self.http.request(method, self.url + path, headers=self.headers, **given) as answer:
            return answer.status, await answer.json()

    async def good(self, method: str, path: str, **fields: Any) -> Any:
        """The data of a good answer, asked for until PMC gives one."""
        deadline = monotonic() + stretched(PATIENCE_SECONDS)
        while True:
            status, envelope = await self.ask(method, path, **fields)
            if status == 200:
                return envelope["data"]
            assert status in {502, 503}, (path, envelope)
            assert monotonic() < deadline, (path, envelope)
            await asyncio.sleep(0.1)

    async def upload(self) -> Any:
        """A pack version, uploaded through the gateway by its signed link."""
        data = json.dumps(document(self.channel)).encode()
        upload = {
            "content_type": "application/json",
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        created = await self.good("POST", "/pack/create", upload=upload)
        async with self.http.put(created["upload"]["url"], data=data) as answer:
            assert answer.status == 200, await answer.text()
        pack = created["pack"]
        return (await self.good("POST", "/pack/complete", pack_id=pack["pack_id"], pack_rev=pack["pack_rev"]))["pack"]

    async def publish(self, kills: int) -> tuple[Any, list[Any]]:
        """A run stepped to its end, with PMC killed so often meanwhile, and its manifest's lines."""
        name = self.channel
        await self.good(
            "POST",
            "/publish-profile/set",
            channel_guid=f"ch-{name}",
            name=name,
            currency="EUR",
            required_fields=["price.amount"],
            auto_online=True,
        )
        pack = await self.upload()
        assert pack["state"] == "ready"
        run = (await self.good("POST", "/publish/run/start", pack_id=pack["pack_id"]))["run"]
        while run["status"] == "running":
            step = {"run_id": run["run_id"], "expected_revision": run["revision"], "max_items": STEP_ITEMS}
            asked = asyncio.create_task(self.ask("POST", "/publish/run/step", **step))
            if kills and run["processed"]:
                kills -= 1
                await asyncio.sleep(0.01 * kills)
                self.world.kill("pmc")
                self.world.start("pmc")
            await asyncio.gather(asked, return_exceptions=True)
            run = (await self.good("GET", "/publish/run/get", run_id=run["run_id"]))["run"]
        return run, await self.lines(run)

    async def lines(self, run: Any) -> list[Any]:
        """The lines of a run's manifest, downloaded part by part without a session."""
        lines: list[Any] = []
        for part in range(1, run["manifest_parts"] + 1):
            signed = await self.good("GET", "/publish/run/manifest/presign", run_id=run["run_id"], part=part)
            async with self.http.get(signed["download"]["url"]) as answer:
                data = await answer.read()
            assert hashlib.sha256(data).hexdigest() == signed["part"]["sha256"]
            lines += [json.loads(line) for line in data.splitlines()]
        return lines


def plain(lines: list[Any], channel: str) -> str:
    """The lines without ids of products and hashes, and with the channel's name left out: comparable over channels."""
    kept = [{name: value for name, value in line.items() if name not in {"product_id", "rev_id"}} for line in lines]
    return json.dumps(kept).replace(channel, "")


async def test_a_run_ends_the_same_however_often_pmc_is_killed(world: World) -> None:
    async with aiohttp.ClientSession() as http:
        calm, calm_lines = await Publisher(world, http, "CALM").publish(kills=0)
        torn, torn_lines = await Publisher(world, http, "TORN").publish(kills=KILLS)

    assert calm["status"] == torn["status"] == "completed"
    assert calm["outcomes"] == torn["outcomes"]
    assert calm["new_revisions"] == torn["new_revisions"] == STYLES * VARIANTS
    assert [line["n"] for line in torn_lines] == list(range(1, STYLES * VARIANTS + 1))
    assert plain(calm_lines, "CALM") == plain(torn_lines, "TORN")
