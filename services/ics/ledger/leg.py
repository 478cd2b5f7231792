"""The two sides of a movement: a stock account of an open item, or an external account."""

from collections.abc import Mapping
from typing import NamedTuple

from services.ics.ledger.balance import SHORTFALL, PositionKey
from services.ics.ledger.holder import Holding, Part
from services.ics.ledger.naming import SerialAccount, SerialState
from services.ics.ledger.open_item import OpenItem
from services.ics.words import Bucket, External, Stage


class Leg(NamedTuple):
    """A stock account as one side of a movement."""

    item: OpenItem
    bucket: Bucket
    key: PositionKey = SHORTFALL
    holding: Holding | None = None
    stage: Stage | None = None
    line: int | None = None

    @property
    def account(self) -> SerialAccount:
        """Where the serials of these units are."""
        if self.holding is not None:
            return self.holding.account(Part(self.key, self.stage, self.line))
        return SerialAccount(self.item.logical_guid, self.key, _UNHELD_STATES[self.bucket])

    @property
    def units(self) -> int:
        """The units that the serials of the account belong to."""
        if self.account.state == "shelf":
            return self.item.position(self.key).shelf
        if self.holding is not None:
            return self.holding.parts.get(Part(self.key, self.stage, self.line), 0)
        return int(getattr(self.item.position(self.key), self.bucket))


_UNHELD_STATES: Mapping[Bucket, SerialState] = {
    "available": "shelf",
    "quarantine": "quarantine",
    "damaged": "damaged",
}

Side = Leg | External
