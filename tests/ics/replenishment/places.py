"""A pick bin and an overstock bin of one variant, and rules between them."""

from typing import Any

from msgspec import UNSET

from chassis.testing.client import ServiceClient
from tests.ics.floor import Floor


class Aisle:
    """Two bins in two zones; `rule` sets the rule of the pick place, from the overstock bin unless told otherwise."""

    def __init__(self, floor: Floor, pick: tuple[str, str], over: tuple[str, str]) -> None:
        self.floor = floor
        self.ics = floor.ics
        self.pick_zone, self.pick_bin = pick
        self.over_zone, self.over_bin = over
        self.last: Any = None

    async def rule(
        self,
        *,
        min_qty: int,
        max_qty: int,
        overstock: Any = UNSET,
        revision: int | None = None,
        **more: Any,
    ) -> Any:
        """Make or change a rule; it."""
        body: dict[str, Any] = {"pick_zone_id": self.pick_zone, "pick_bin_id": self.pick_bin, **more}
        zone_id, bin_id = (self.over_zone, self.over_bin) if overstock is UNSET else overstock or (None, None)
        answer = await self.floor.do(
            "/replenishment/rule/set",
            variant_id=self.floor.variant_id,
            min_qty=min_qty,
            max_qty=max_qty,
            overstock_zone_id=zone_id,
            overstock_bin_id=bin_id,
            expected_revision=revision,
            **body,
        )
        self.last = answer["rule"]
        return self.last

    async def archive(self) -> None:
        """Archive the rule that was set last."""
        named = {"rule_id": self.last["rule_id"], "expected_revision": self.last["revision"]}
        await self.floor.do("/replenishment/rule/status/set", **named, status="archived")

    async def units(self) -> tuple[int, int]:
        """Available units in the pick bin, and in the overstock bin."""
        return (
            await self.floor.at("available", bin_id=self.pick_bin),
            await self.floor.at("available", bin_id=self.over_bin),
        )

    async def take_from_pick(self, quantity: int) -> None:
        """Lose units out of the pick bin."""
        await self.floor.do(
            "/adjustment/create",
            variant_id=self.floor.variant_id,
            delta=-quantity,
            reason_code="loss",
            bin_id=self.pick_bin,
        )


async def an_aisle(ics: ServiceClient, variant_id: str, *, pick: int, over: int) -> Aisle:
    """An aisle with the given number of units in its bins."""
    floor = Floor(ics, variant_id)

    async def a_bin(code: str, purpose: str, units: int) -> tuple[str, str]:
        zone = (await floor.do("/zone/create", code=code, purpose=purpose))["zone"]["zone_id"]
        place = (await floor.do("/bin/create", zone_id=zone, code="01"))["bin"]["bin_id"]
        if units:
            await floor.stocked(units, bin_id=place)
        return zone, place

    return Aisle(floor, await a_bin("PCK", "pick", pick), await a_bin("OVR", "overstock", over))
