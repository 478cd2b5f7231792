"""Crowds at one item, written behind the service's back with their entries and units: the books are right all the
time."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Entity
from chassis.ids import new_id
from chassis.testing.client import ServiceClient
from services.ics.ledger.balance import Item, item_id_of
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.reservation.domain import Reservation
from services.ics.reservation.store import RESERVATIONS

WRITTEN_AT_ONCE = 1_000
"""Promises that one transaction writes, with their entries."""

Stored = dict[str, Any]


async def crowd_of(
    ics: ServiceClient,
    reservation_id: str,
    size: int,
    *,
    now: Utc,
    expires_utc: Callable[[int], Utc] | None = None,
) -> list[str]:
    """So many more reservations like one of a single unit, each with its entry; the item has their units, drawn from
    where the one was drawn. Their ids, oldest first."""
    (reservation,) = await records(ics, RESERVATIONS, {"_id": reservation_id})
    (made,) = await records(ics, ENTRIES, {"orgcode": reservation.orgcode, "refs": reservation_id})
    item = await item_of(ics, reservation)
    assert reservation.remaining == made.quantity == 1
    ids = [new_id(now) for _ in range(size)]
    promises: list[Stored] = []
    entries: list[Stored] = []
    for number, one in enumerate(ids, 1):
        expires = expires_utc(number) if expires_utc is not None else reservation.expires_utc
        promises.append(
            RESERVATIONS.to_document(replace(reservation, reservation_id=one, expires_utc=expires, revision=1))
        )
        entries.append(ENTRIES.to_document(_entry_of(made, one, item.seq + number, number, now)))
    crowded = _with_promises(item, reservation, size, min(str(each["due"]) for each in promises))
    for start in range(0, size, WRITTEN_AT_ONCE):
        end = start + WRITTEN_AT_ONCE
        await _write(ics, promises[start:end], entries[start:end], [crowded] if end >= size else [])
    return ids


def _entry_of(made: StockCardEntry, holder_id: str, seq: int, number: int, now: Utc) -> StockCardEntry:
    """The entry of a copy: a given number of entries later in the item."""
    assert made.from_balance is not None
    assert made.to_balance is not None
    return replace(
        made,
        entry_id=new_id(now),
        operation_id=new_id(now),
        document_id=holder_id,
        from_account=replace(made.from_account, seq=seq),
        to_account=replace(made.to_account, seq=seq, held_by_id=holder_id),
        from_balance=made.from_balance - number,
        to_balance=made.to_balance + number,
    )


def _with_promises(item: Item, like: Reservation, size: int, first_due: str) -> Item:
    """The item after the given number of units of one position were promised."""
    (held,) = like.positions
    cells = [
        replace(cell, available=cell.available - size, reserved=cell.reserved + size) if cell.key == held.key else cell
        for cell in item.cells
    ]
    return replace(
        item,
        seq=item.seq + size,
        available=item.available - size,
        reserved=item.reserved + size,
        lapse_utc=min(Utc(first_due), item.lapse_utc or Utc(first_due)),
        cells=cells,
    )


async def _write(ics: ServiceClient, promises: list[Stored], entries: list[Stored], items: list[Stored | Item]) -> None:
    database = ics.application.runtime.database
    async with database.transaction() as transaction:
        await database.collection(RESERVATIONS.collection).insert_many(promises, session=transaction)
        await database.collection(ENTRIES.collection).insert_many(entries, session=transaction)
        documents = [ITEMS.to_document(each) if isinstance(each, Item) else each for each in items]
        if documents:
            await database.collection(ITEMS.collection).replace_many(documents, session=transaction)
        await transaction.commit()


async def records(ics: ServiceClient, entity: Entity[Any], where: Stored) -> list[Any]:
    """The stored records of an entity that match."""
    kind = {"kind": entity.kind} if entity.kind else {}
    found = await ics.application.runtime.database.collection(entity.collection).find(where)
    return [entity.from_document(each) for each in found if kind.items() <= each.items()]


async def item_of(ics: ServiceClient, promise: Any) -> Item:
    """The item of a promise, as it is stored."""
    item_id = item_id_of(promise.orgcode, promise.logical_guid, promise.variant_id)
    (item,) = await records(ics, ITEMS, {"_id": item_id})
    assert isinstance(item, Item)
    return item
