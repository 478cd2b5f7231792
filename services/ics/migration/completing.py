"""Fills in what earlier releases did not store: orders of entries, origins of commits, words of texts."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from chassis.entity import Document, Entity
from chassis.jobs.migration import Added, Found, MigrationTools
from chassis.unit import View
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit.store import COMMITS
from services.ics.finding.domain import tokens_of
from services.ics.finding.store import learn
from services.ics.reservation.store import RESERVATIONS

R = TypeVar("R", bound=Document)

PROMISES: dict[str, tuple[Entity[Any], str]] = {
    "reservation": (RESERVATIONS, "demand_ref"),
    "allocation": (ALLOCATIONS, "order_ref"),
    "commit": (COMMITS, "order_ref"),
}
"""Kinds of promises, and the field that names the order of each."""


async def orders_of(tools: MigrationTools, entries: Found) -> Added:
    """The order of entries made for a promise. By id."""
    lacking = [each for each in entries if "order_ref" not in each and each["document_type"] in PROMISES]
    refs: dict[str, str | None] = {}
    for kind, (entity, order) in PROMISES.items():
        ids = {each["document_id"] for each in lacking if each["document_type"] == kind}
        promises = await _get(tools, entity, ids)
        refs |= {promise_id: getattr(promise, order) for promise_id, promise in promises.items()}
    return {each["_id"]: {"order_ref": refs.get(each["document_id"])} for each in lacking}


async def origins_of(tools: MigrationTools, commits: Found) -> Added:
    """The reservation of commits made from an allocation. By id."""
    lacking = [each for each in commits if each["source"] == "allocation" and each.get("reservation_id") is None]
    allocations = await _get(tools, ALLOCATIONS, {each["allocation_id"] for each in lacking})
    origins = {allocation_id: each.reservation_id for allocation_id, each in allocations.items()}
    return {
        each["_id"]: {"reservation_id": origin}
        for each in lacking
        if (origin := origins.get(each["allocation_id"])) is not None
    }


def words_of(
    entity: Entity[Any], texts: Callable[[Any], list[str]]
) -> Callable[[MigrationTools, Found], Awaitable[Added]]:
    """Stores the words of texts that are folded otherwise now, before the texts are found by them."""

    async def learn_words(tools: MigrationTools, documents: Found) -> Added:
        for document in documents:
            said = texts(entity.from_document(document))
            if document.get("tokens") != tokens_of(said):
                await tools.change(document["orgcode"], partial(learn, texts=said))
        return {}

    return learn_words


async def _get(tools: MigrationTools, entity: Entity[R], ids: set[str]) -> dict[str, R]:
    async def read(view: View) -> dict[str, R]:
        return await view.every_org().get_many(entity, sorted(ids))

    return await tools.units.view(tools.call, read) if ids else {}
