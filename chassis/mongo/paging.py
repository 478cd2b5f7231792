"""Pages of a query: keyset, never skip, with a sealed token to go on."""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from chassis.entity import Entity
from chassis.mongo.query import Query, build
from chassis.mongo.table import Table
from chassis.page import Page, Paged, Seal, items_of
from chassis.unit import Where


class Finder(Protocol):
    """What can be asked a query."""

    async def find(
        self,
        entity: Entity[Any],
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        after: Sequence[Any] | None = None,
        rest: Where | None = None,
    ) -> list[Any]:
        """Records."""
        ...


class Paging:
    """Makes pages, and their tokens."""

    def __init__(self, seal: Seal, embedded: bool) -> None:
        self._seal = seal
        self._embedded = embedded

    async def page(
        self,
        view: Finder,
        table: Table[Any],
        org: str | None,
        where: Where,
        page: Paged,
        order: Sequence[str],
        rest: Where | None,
    ) -> Page[Any]:
        """One page; see `View.page`."""
        order = order or (f"-{table.id_field}",)
        items = items_of(page)
        query = build(table, org, where, order, items, None, rest)
        asked = _fingerprint(query, order)
        after = self._seal.open(asked, page.next_token) if page.next_token is not None else None
        found = await view.find(table.entity, where, order=order, limit=items + 1, after=after, rest=rest)
        more = len(found) > items
        found = found[:items]
        token = self._seal.seal(asked, query.position_of(found[-1])) if more else None
        return Page(items=found, count=len(found), next_token=token)


def _fingerprint(query: Query, order: Sequence[str]) -> str:
    """Which query this is, whatever its page."""
    name, _, conditions, rest, _ = query.key
    return hashlib.sha256(
        repr((name, sorted(map(repr, conditions)), sorted(map(repr, rest)), tuple(order))).encode()
    ).hexdigest()
