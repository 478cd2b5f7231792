"""The accounts at one position, and giving units there their serial numbers. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from services.ics.ledger.balance import PositionKey
from services.ics.ledger.holder import Holding, Part, is_on_shelf
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import NamedUnit
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.words import UNHELD_BUCKETS, Bucket, Stage

HELD: tuple[tuple[Bucket, Stage | None], ...] = (
    ("reserved", None),
    ("committed", "open"),
    ("committed", "picked"),
    ("committed", "packed"),
    ("consignment", None),
    ("quarantine", None),
)
"""The order in which holders lose units after the unheld ones are used up; within each, the newest holder first."""


def legs_at(
    posting: Posting,
    item: OpenItem,
    key: PositionKey,
    buckets: Collection[Bucket],
    *,
    oldest_first: bool = False,
) -> Iterator[Leg]:
    """The accounts of these buckets with units at a position: those without a holder, then those of `HELD`."""
    for bucket in UNHELD_BUCKETS:
        if bucket in buckets and getattr(item.position(key), bucket) > 0:
            yield Leg(item, bucket, key)
    for held, stage in HELD:
        if held in buckets:
            holders = posting.holders_in(item, held)
            for holding in holders if oldest_first else reversed(holders):
                for part in parts_at(holding, key, stage):
                    yield Leg(item, held, key, holding, stage, part.line)


def parts_at(holding: Holding, key: PositionKey, stage: Stage | None) -> list[Part]:
    """The parts of a holder with units at a position and stage, by line."""
    found = [part for part, units in holding.parts.items() if units > 0 and (part.key, part.stage) == (key, stage)]
    return sorted(found, key=lambda part: part.line or 0)


def units_of(leg: Leg) -> int:
    """Units of one account; of a holder on the shelf, at most the units that can leave it."""
    if leg.holding is None:
        return max(0, int(getattr(leg.item.position(leg.key), leg.bucket)))
    units = leg.holding.parts.get(Part(leg.key, leg.stage, leg.line), 0)
    return min(units, leg.item.position(leg.key).shelf) if is_on_shelf(leg.bucket, leg.stage) else units


def assign(
    posting: Posting, legs: Iterable[Leg], units: Sequence[NamedUnit], *, at_once: int, line_no: int | None = None
) -> int:
    """Name units that have no serial, in these accounts, with at most `at_once` of them in an entry; returns how many
    were named."""
    left = list(units)
    for leg in list(legs):
        free = min(len(left), posting.bare(leg), units_of(leg))
        while free:
            part, left = left[: min(at_once, free)], left[min(at_once, free) :]
            serials = [unit.serial_no for unit in part]
            posting.move("assign", len(part), leg, leg, serials=serials, line=line_no)
            if leg.holding is not None:
                leg.holding.name(leg.line, serials)
            free -= len(part)
    return len(units) - len(left)
