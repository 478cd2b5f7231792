"""What tests of SLC begin with."""

import itertools
from typing import Any

from chassis.testing.client import ServiceClient, TestAnswer

_shops = itertools.count(1)


class Channels:
    """SLC as one caller asks it: an action a call."""

    def __init__(self, client: ServiceClient) -> None:
        self.client = client

    async def ask(self, action: str, **fields: Any) -> TestAnswer:
        """Make a call by its action."""
        return await self.client.post("", action=action, **fields)

    async def channel(self, **fields: Any) -> dict[str, Any]:
        """A new channel of a shop that no other has."""
        number = next(_shops)
        given = {
            "channel_code": f"WEB-{number}",
            "name": "Web shop",
            "type": "standard",
            "shop_domain": f"shop-{number}.myshopify.com",
            **fields,
        }
        answer = await self.ask("channel/create", **given)
        assert answer.status == 200, answer
        channel: dict[str, Any] = answer.data["channel"]
        return channel

    async def again(self, channel: dict[str, Any]) -> dict[str, Any]:
        """The channel as it is now."""
        answer = await self.ask("channel/get", channel_id=channel["channel_id"])
        now: dict[str, Any] = answer.data["channel"]
        return now
