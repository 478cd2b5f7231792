"""One run of a scenario on the running stack, in facilities and with a variant of its own.

It performs actions, keeps the newest known version of every named record, and answers questions.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp

from demo.operator import Operator
from demo.scenarios.steps import Action, ApiCall, ConcurrentCalls, RecordId, RunSweep, UniqueName, WaitUntilExpired
from demo.stack import Refused, Shop

OK = "200"


class Floor:
    """One run of one scenario. Its facilities and variant are its own, so they start empty and affect no other run."""

    def __init__(
        self, http: aiohttp.ClientSession, stack: Mapping[str, str], demo: Mapping[str, str], variant: str
    ) -> None:
        self._http = http
        self._stack = stack
        self._demo = demo
        self._operator = Operator(stack, demo)
        self._run = uuid.uuid4().hex[:6].upper()
        self.variant = self.fresh(variant)
        self._kept: dict[str, tuple[str, dict[str, Any]]] = {}
        self._stocks: dict[str, dict[str, Any]] = {}
        self.answer: dict[str, Any] = {}
        self.status = OK

    def fresh(self, name: str) -> str:
        """The name of a facility or a variant in this run."""
        return f"{name}-{self._run}"

    @property
    def called(self) -> str:
        """How to recognise the names of this run."""
        return f"all names end in -{self._run}"

    def kept(self, name: str) -> dict[str, Any]:
        """The newest version of a kept record."""
        return self._kept[name][1]

    def is_zone(self, name: str) -> bool:
        """Whether a kept record is a zone; otherwise it is a bin."""
        return self._kept[name][0] == "zone"

    def id_of(self, name: str) -> str:
        """The id of a kept record."""
        kind, record = self._kept[name]
        return str(record[_id_field(kind)])

    async def do(self, act: Action) -> None:
        """Perform an action. Sets `status` and `answer`, also for a refusal."""
        self._stocks.clear()
        self.status, self.answer = OK, {}
        try:
            self.answer = await self._done(act)
        except Refused as refusal:
            self.status = f"{refusal.status} {refusal.error_code}"

    async def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """Call ICS without a facility and channel in the headers; returns the `data` of the answer."""
        return await self._shop(None).call(f"/ics/{path}", **body)

    async def stock(self, facility: str) -> dict[str, Any]:
        """The variant's stock in a facility; cached until the next action."""
        if facility not in self._stocks:
            asked = {"variant_id": self.variant, "logical_guid": self.fresh(facility)}
            self._stocks[facility] = (await self.ask("stock/get", **asked))["stock"]
        return self._stocks[facility]

    async def cards(self, **filters: Any) -> list[dict[str, Any]]:
        """The stock cards of the variant in all facilities, oldest first."""
        return await self._shop(None).all_items(
            "/ics/stock/card/list", variant_id=self.variant, order="oldest", **filters
        )

    async def _done(self, act: Action) -> dict[str, Any]:
        match act:
            case ApiCall():
                return await self._call(act)
            case ConcurrentCalls():
                return await self._crowd(act)
            case RunSweep():
                return await self._operator.sweep(self.fresh(act.at))
            case WaitUntilExpired():
                # The stack runs on this machine, so both use the same clock.
                ends = datetime.fromisoformat(self.kept(act.name)["expires_utc"])
                await asyncio.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 0.01)
                return {}

    async def _call(self, act: ApiCall) -> dict[str, Any]:
        data = await self._shop(act.at).call(f"/ics/{act.path}", **self._body(act))
        for name, part in act.keeps.items():
            self._kept[name] = (part, data[part])
        for name, (kind, record) in self._kept.items():
            newer = data.get(kind)
            if newer and newer[_id_field(kind)] == record[_id_field(kind)]:
                self._kept[name] = (kind, newer)
        return data

    async def _crowd(self, act: ConcurrentCalls) -> dict[str, Any]:
        async def one() -> str:
            try:
                await self._call(act.call)
            except Refused as refusal:
                return refusal.error_code.removeprefix("ics.")
            return "succeeded"

        return dict(Counter(await asyncio.gather(*(one() for _ in range(act.times)))))

    def _body(self, act: ApiCall) -> dict[str, Any]:
        body: dict[str, Any] = self._named(act.body)
        if act.on is None:
            return body
        kind, record = self._kept[act.on]
        return {_id_field(kind): record[_id_field(kind)], "expected_revision": record["revision"], **body}

    def _named(self, value: Any) -> Any:
        """A part of a body, with placeholders replaced."""
        match value:
            case UniqueName(name):
                return self.fresh(name)
            case RecordId(name):
                return self.id_of(name)
            case Mapping():
                return {field: self._named(each) for field, each in value.items()}
            case list():
                return [self._named(each) for each in value]
        return value

    def _shop(self, facility: str | None) -> Shop:
        gateway, session, org = self._stack["GATEWAY_URL"], self._demo["DEMO_OWNER_SESSION"], self._demo["DEMO_ORGCODE"]
        if facility is None:
            return Shop(self._http, gateway, session, org, None, channel=None)
        return Shop(self._http, gateway, session, org, self.fresh(facility))


def _id_field(kind: str) -> str:
    return f"{kind}_id"
