"""Crowds: thousands of records like one that a test made, for lists; written behind the service's back."""

from typing import Any

from chassis.clock import Utc
from chassis.entity import Entity
from chassis.ids import new_id
from chassis.testing.client import ServiceClient


async def crowd_like(
    ics: ServiceClient, entity: Entity[Any], record_id: str, size: int, *, now: Utc, **changes: Any
) -> list[str]:
    """So many copies of a record made at `now`; their ids, oldest first. `changes` are stored fields: values, or
    functions of the copy's number."""
    collection = ics.application.runtime.database.collection(entity.collection)
    (known,) = await collection.find({"_id": record_id})
    ids = [new_id(now) for _ in range(size)]
    copies = [
        {**known, **{name: value(number) if callable(value) else value for name, value in changes.items()}, "_id": one}
        for number, one in enumerate(ids)
    ]
    # In a transaction, since the embedded engine syncs each write of a plain bulk by itself.
    async with ics.application.runtime.database.transaction() as transaction:
        await collection.insert_many(copies, session=transaction)
        await transaction.commit()
    return ids


async def walked(client: ServiceClient, path: str, **filters: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = await client.post(path, **filters, **token)
        assert answer.status == 200, (path, filters, answer)
        page = answer.data
        assert page["count"] == len(page["items"])
        found += page["items"]
        if page["next_token"] is None:
            return found
        token = {"next_token": page["next_token"]}
