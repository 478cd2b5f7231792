"""Access to the running stack: addresses and credentials from `.run/`, calls through the gateway."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from deploy.local.state import Home, read_env


class NotRunning(Exception):
    """No stack is running in this folder."""


class Refused(Exception):
    """A call was refused. Has its HTTP status and the `error_code` and `details` of the envelope."""

    def __init__(self, path: str, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(f"{path} → {status} {error.get('error_code')}: {error.get('major', {}).get('message')}")
        self.status = status
        self.error_code = str(error.get("error_code"))
        self.details: Mapping[str, Any] = error.get("details") or {}


def running() -> tuple[dict[str, str], dict[str, str]]:
    """The stack's addresses and the demo's credentials. Raises NotRunning if there is no stack."""
    home = Home()
    stack, demo = read_env(home.stack_env), read_env(home.demo_env)
    if not stack or not demo:
        raise NotRunning("no stack is running here: start one with `make up` first")
    return stack, demo


class Shop:
    """Calls of one org in one facility on one channel, made by its owner through the gateway."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        base: str,
        session: str,
        orgcode: str,
        facility: str | None = None,
        channel: str | None = "WEB",
    ) -> None:
        self._http = http
        self._base = base
        self.facility = facility
        context = {"x-logical-guid": facility, "x-channel-code": channel}
        self._headers = {
            "x-session-guid": session,
            "x-orgcode": orgcode,
            **{name: value for name, value in context.items() if value is not None},
        }

    async def call(self, path: str, **body: Any) -> dict[str, Any]:
        """The `data` of the answer. Raises Refused if the call is refused."""
        async with self._http.post(self._base + path, json=body, headers=self._headers) as answer:
            return await _data(path, answer)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """The `data` of a GET call's answer. Raises Refused if the call is refused."""
        async with self._http.get(self._base + path, params=query, headers=self._headers) as answer:
            return await _data(path, answer)

    async def download(self, url: str) -> bytes:
        """What a signed link holds. Raises aiohttp.ClientError if the link is refused."""
        async with self._http.get(url, raise_for_status=True) as answer:
            return await answer.read()

    async def all_items(self, path: str, **body: Any) -> list[dict[str, Any]]:
        """All items of a list, read page by page."""
        items: list[dict[str, Any]] = []
        token = None
        while True:
            page = await self.call(path, **body, limit=256, **({"next_token": token} if token else {}))
            items.extend(page["items"])
            token = page["next_token"]
            if not token:
                return items

    async def place(self, zone_code: str) -> str:
        """The id of the facility's zone with this code, created if there is none."""
        found = await self.call("/ics/zone/list", logical_guid=self.facility, code=zone_code)
        if found["items"]:
            return str(found["items"][0]["zone_id"])
        purpose = {"RCV": "receiving", "PCK": "pick", "STG": "staging", "OVR": "overstock"}.get(zone_code, "storage")
        return str((await self.call("/ics/zone/create", code=zone_code, purpose=purpose))["zone"]["zone_id"])


async def _data(path: str, answer: aiohttp.ClientResponse) -> dict[str, Any]:
    envelope = json.loads(await answer.read())
    if not envelope["success"]:
        raise Refused(path, answer.status, envelope["error"])
    data: dict[str, Any] = envelope["data"]
    return data
