"""The two sides of a movement: a stock account of an open item, or an external account; and what entries say of it."""

from collections.abc import Mapping
from typing import NamedTuple

from services.ics.ledger.balance import SHORTFALL, PositionKey
from services.ics.ledger.entry import Account
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


def account_of(side: Side) -> Account:
    """The account of an entry's side."""
    if not isinstance(side, Leg):
        return Account(kind="external", external=side)
    key, holding = side.key, side.holding
    return Account(
        kind="stock",
        logical_guid=side.item.logical_guid,
        bucket=side.bucket,
        zone_id=key.zone_id,
        bin_id=key.bin_id,
        lot_code=key.lot_code,
        stage=side.stage,
        held_by_type=holding.type if holding is not None else None,
        held_by_id=holding.id if holding is not None else None,
        seq=side.item.seq,
    )


def balance_of(side: Side) -> int | None:
    """The bucket total after the entries made so far; None for an external account."""
    return side.item.total(side.bucket) if isinstance(side, Leg) else None


def variant_of(source: Side, target: Side) -> str:
    """The variant whose units move."""
    for side in (source, target):
        if isinstance(side, Leg):
            return side.item.variant_id
    raise AssertionError("an entry has a stock account on one side at least")


def share(source: Side, target: Side, quantity: int) -> None:
    """Update the item's share of an external account (see decision 0008)."""
    if isinstance(source, Leg):
        if not isinstance(target, Leg):
            source.item.externals[target] += quantity
    elif isinstance(target, Leg):
        target.item.externals[source] -= quantity


def mark_serialised(source: Side, target: Side) -> None:
    """Note that an entry of the items named serials."""
    for side in (source, target):
        if isinstance(side, Leg):
            side.item.serialised = True
