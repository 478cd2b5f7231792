"""Random histories of one product, held against a small model of the guide's tables after every step."""

import os
import random
from typing import Any

import pytest

from tests.pmc.given import Catalogue

HISTORIES = int(os.environ.get("PMC_HISTORIES", "3"))
STEPS = 30


class Model:
    """One product as the guide's tables say it: what is newest, live, pointed at, online and held."""

    def __init__(self) -> None:
        self.contents: list[str | None] = []
        self.live: int | None = None
        self.staged: int | None = None
        self.fallback: int | None = None
        self.online = False
        self.held = False
        self.runs: list[dict[str, Any]] = []

    @property
    def head(self) -> int:
        return len(self.contents)

    @property
    def served(self) -> int | None:
        return self.fallback or self.live

    @property
    def publishable(self) -> bool:
        return bool(self.contents) and self.contents[-1] is not None

    def publish(self, price: str | None, target: str) -> str:
        is_first, is_new = not self.contents, not self.contents or self.contents[-1] != price
        before = {"previous_live": self.live, "was_online": self.online}
        staged, live = self.staged, self.live
        if is_new:
            self.contents.append(price)
        if price is not None and target == "live":
            self.live = self.head
            self.staged = None if self.staged == self.head else self.staged
            self.online = self.online or not self.held
        elif price is not None:
            self.staged = None if self.live == self.head else self.head
        moved = self.live != live if target == "live" else self.staged != staged
        if price is None:
            outcome = "blocked"
        elif is_first:
            outcome = "created"
        else:
            outcome = "updated" if is_new else "promoted" if moved else "unchanged"
        if target == "live":
            self._note(outcome, before)
        return outcome

    def withdraw(self) -> str:
        before = {"previous_live": self.live, "was_online": self.online}
        self.online = False
        self._note("withdrawn", before)
        return "withdrawn"

    def undo(self) -> str:
        run = self.runs.pop()
        outcome = "unchanged"
        if run["outcome"] in {"created", "updated", "promoted"} and self.live == run["rev"]:
            self.live = run["previous_live"]
            outcome = "withdrawn" if self.live is None else "promoted"
        if run["was_online"] != run["is_online"] and self.online == run["is_online"] and not self.held:
            self.online = run["was_online"]
        self.online = self.online and self.served is not None
        return outcome

    def _note(self, outcome: str, before: dict[str, Any]) -> None:
        self.runs.append({**before, "outcome": outcome, "rev": self.head, "is_online": self.online})


class History:
    """A product that is published, pointed at and switched at random, in the service and in the model alike."""

    def __init__(self, pmc: Catalogue, choose: random.Random) -> None:
        self.pmc = pmc
        self.choose = choose
        self.model = Model()
        self.pack_id: str | None = None
        self.run_ids: list[str] = []

    async def step(self) -> None:
        words = ["publish", "publish", "publish"]
        if self.model.contents:
            words += ["withdraw", "set", "clear", "fallback", "unpoint"]
        if self.model.runs:
            words.append("undo")
        await getattr(self, self.choose.choice(words))()
        if self.model.contents:
            await self.compare()

    async def publish(self) -> None:
        price = self.choose.choice(["1", "2", None])
        target = self.choose.choice(["live", "live", "staged"])
        offer = {"channel_code": "WEB"}
        priced = {**offer, "price": {"amount": price, "currency": "EUR"}} if price else offer
        await self._run(priced, target, self.model.publish(price, target))

    async def withdraw(self) -> None:
        await self._run({"channel_code": "WEB", "status": "withdrawn"}, "live", self.model.withdraw())

    async def set(self) -> None:
        model, product = self.model, await self.pmc.product("v-1")
        allowed = model.online or (model.served is not None and model.publishable)
        answer = await self._change("online/set", product)
        assert answer.status == (200 if allowed else 409)
        if allowed and not model.online:
            model.online, model.held = True, False

    async def clear(self) -> None:
        await self._change("online/clear", await self.pmc.product("v-1"))
        self.model.online, self.model.held = False, True

    async def fallback(self) -> None:
        product = await self.pmc.product("v-1")
        rev = self.choose.randint(1, self.model.head)
        revision = (await self.pmc.get("/product/get", product_id=product["product_id"], rev=rev)).data["product"]
        assert revision["view_rev"] == rev
        listed = (await self.pmc.get("/product/revision/list", product_id=product["product_id"], limit=256)).data
        rev_id = next(each["rev_id"] for each in listed["items"] if each["rev"] == rev)
        answer = await self._change("pointer/set", product, pointer="fallback", rev=rev, rev_id=rev_id)
        allowed = self.model.contents[rev - 1] is not None
        assert answer.status == (200 if allowed else 409), answer
        if allowed:
            self.model.fallback = rev

    async def unpoint(self) -> None:
        answer = await self._change("pointer/clear", await self.pmc.product("v-1"), pointer="fallback")
        assert answer.status == 200
        self.model.fallback = None
        self.model.online = self.model.online and self.model.served is not None

    async def undo(self) -> None:
        outcome = self.model.undo()
        run = await self.pmc.run(undo_of=self.run_ids.pop())
        assert run["outcomes"][outcome] == 1, (outcome, run)

    async def compare(self) -> None:
        model, product = self.model, await self.pmc.product("v-1")
        pointers = {name: ref["rev"] for name, ref in product["pointers"].items()}
        wanted = {name: rev for name, rev in (("staged", model.staged), ("fallback", model.fallback)) if rev}
        found = {
            "head": product["head"]["rev"],
            "live": product.get("live", {}).get("rev"),
            "served": product.get("served", {}).get("rev"),
            "online": product["online_state"] == "online",
            "held": product["held"],
            "publishable": product["publishable"],
        }
        assert found == {name: getattr(model, name) for name in found}
        assert pointers == wanted
        shown = model.contents[(model.served or model.head) - 1]
        assert product["content"].get("price", {}).get("amount") == shown
        listed = (await self.pmc.list(channel_code="WEB", online_state="online"))["count"]
        stats = await self.pmc.stats()
        assert listed == stats["online"] == int(model.online)
        assert (stats["pinned"], stats["publishable"]) == (int(model.fallback is not None), int(model.publishable))

    async def _run(self, offer: dict[str, Any], target: str, outcome: str) -> None:
        variant = {"variant_id": "v-1", "variant_code": "V-1", "sku": "V-1", "channels": [offer]}
        style = {"style_id": "s-1", "style_code": "S-1", "title": "Thing", "variants": [variant]}
        document = {
            "format": "retailstack.pack/1",
            "channels": [{"channel_code": "WEB", "currency": "EUR"}],
            "styles": [style],
        }
        known = {} if self.pack_id is None else {"pack_id": self.pack_id}
        self.pack_id = (await self.pmc.pack(document, **known))["pack_id"]
        run = await self.pmc.run(pack_id=self.pack_id, target=target)
        assert run["outcomes"][outcome] == 1, (outcome, run["outcomes"])
        if target == "live":
            self.run_ids.append(run["run_id"])

    async def _change(self, path: str, product: Any, **fields: Any) -> Any:
        named = {"product_id": product["product_id"], "expected_revision": product["revision"]}
        return await self.pmc.post(f"/product/{path}", **named, **fields)


@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_a_random_history_ends_as_the_tables_say(pmc: Catalogue, seed: int) -> None:
    await pmc.profile("WEB", required_fields=["price.amount"], auto_online=True)
    history = History(pmc, random.Random(seed))
    for _ in range(STEPS):
        await history.step()
