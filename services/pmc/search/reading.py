"""Reading candidates of a search: the terms of products, channel by channel, in the order of an index.

A stream reads range by range (`ranges.py`) and stops when its page is full. An index of a list meets a product at the
first of its entries in range, which need not be the form it is found by: `ordered` puts each product where it belongs.
"""

import heapq
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

import msgspec

from chassis.entity import Value
from chassis.unit import SnapshotReader, Where, between
from services.pmc.product.store import PRODUCTS
from services.pmc.search.domain import Known, Scale
from services.pmc.search.matching import Match
from services.pmc.search.ranges import form_ranges, id_ranges, share_of
from services.pmc.terms import Values

CANDIDATES_AT_ONCE = 512
"""Products that one batch of a query reads."""

LAST_CHARACTER = "\U0010ffff"

FormField = Literal["words", "bares"]

Position = tuple[str, str]
"""Form and product_id."""


class Candidate(Value):
    """A product that may be found, and the index entry it was met at."""

    product_id: str
    online_state: str
    values: Values
    entry: str


class Hit(Value):
    """A product that is found."""

    product_id: str
    match: Match


async def by_form(
    reader: SnapshotReader, channel_guid: str, field: FormField, prefix: str, after: Position, known: Known
) -> AsyncIterator[Candidate]:
    """Products with an entry in `words` or `bares` that begins with the prefix, from the form of a position on, by that
    entry and product_id."""
    scale: Scale = getattr(known, field)
    stored = f"indexed.terms.{field}"
    for low, high in form_ranges(scale, max(prefix, after[0]), prefix + LAST_CHARACTER):
        if high is None:
            where: Where = {"channel_guid": channel_guid, stored: low}
            behind = after[1] if low == after[0] else ""
            async for document in _by_id(reader, where, behind, known.ids, share_of(scale, low, known.ids)):
                yield _candidate(document, low)
            continue
        where = {"channel_guid": channel_guid, stored: between(at_least=low, below=high)}
        async for document in _documents(reader, where, [stored], ()):
            yield _candidate(document, min(each for each in document["indexed"]["terms"][field] if low <= each < high))


async def by_trigram(
    reader: SnapshotReader, channel_guid: str, trigram: str | None, after: str, known: Known
) -> AsyncIterator[Candidate]:
    """Products of a channel that have a trigram, or all of them, by product_id."""
    where: dict[str, Any] = {"channel_guid": channel_guid}
    if trigram is not None:
        where["indexed.terms.trigrams"] = trigram
    async for document in _by_id(reader, where, after, known.ids, known.share_with(trigram)):
        yield _candidate(document, "")


async def _by_id(
    reader: SnapshotReader, where: Where, after: str, ids: Scale, share: float
) -> AsyncIterator[dict[str, Any]]:
    """Documents that equal `where`, by id, behind an id."""
    for above, last in id_ranges(ids, after, share):
        bounds = between(above=above) if last is None else between(above=above, at_most=last)
        async for document in _documents(reader, {**where, "product_id": bounds}, [], ("product_id",)):
            yield document


async def _documents(
    reader: SnapshotReader, where: Where, fields: Sequence[str], order: Sequence[str]
) -> AsyncIterator[dict[str, Any]]:
    wanted = ["product_id", "online_state", "indexed.terms.values", *fields]
    async for batch in reader.parts(PRODUCTS, where, fields=wanted, order=order, size=CANDIDATES_AT_ONCE):
        for document in batch:
            yield document


def _candidate(document: dict[str, Any], entry: str) -> Candidate:
    values = msgspec.convert(document["indexed"]["terms"]["values"], Values)
    return Candidate(product_id=document["_id"], online_state=document["online_state"], values=values, entry=entry)


async def ordered(
    streams: Sequence[AsyncIterator[Candidate]], after: Position, find: Callable[[Candidate], Match | None]
) -> AsyncIterator[Hit]:
    """The hits among the streams' candidates, by form and product_id, behind a position."""
    heads: list[tuple[str, str, int, Candidate]] = []
    ready: list[tuple[str, str, int]] = []
    matches: dict[str, Match] = {}
    seen: set[str] = set()

    async def advance(place: int) -> None:
        candidate = await anext(streams[place], None)
        if candidate is not None:
            heapq.heappush(heads, (candidate.entry, candidate.product_id, place, candidate))

    for place in range(len(streams)):
        await advance(place)
    while heads or ready:
        if ready and (not heads or ready[0][:2] <= heads[0][:2]):
            _, product_id, _ = heapq.heappop(ready)
            yield Hit(product_id=product_id, match=matches.pop(product_id))
            continue
        _, product_id, place, candidate = heapq.heappop(heads)
        await advance(place)
        if product_id in seen:
            continue
        seen.add(product_id)
        match = find(candidate)
        if match is not None and (match.form, product_id) > after:
            matches[product_id] = match
            heapq.heappush(ready, (match.form, product_id, place))


async def by_product(streams: Sequence[AsyncIterator[Candidate]]) -> AsyncIterator[Candidate]:
    """The candidates of several streams by product_id, each product once."""
    heads: list[tuple[str, int, Candidate]] = []

    async def advance(place: int) -> None:
        candidate = await anext(streams[place], None)
        if candidate is not None:
            heapq.heappush(heads, (candidate.product_id, place, candidate))

    for place in range(len(streams)):
        await advance(place)
    last = ""
    while heads:
        product_id, place, candidate = heapq.heappop(heads)
        await advance(place)
        if product_id != last:
            last = product_id
            yield candidate
