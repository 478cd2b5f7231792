"""The three modes of search, each a page of hits from a position on."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from chassis.entity import Value
from chassis.unit import SnapshotReader
from services.pmc.profile.patterns import compiled
from services.pmc.search.domain import Known
from services.pmc.search.matching import (
    Match,
    Question,
    contains_match,
    prefix_match,
    regex_match,
)
from services.pmc.search.patterns import literals_of
from services.pmc.search.reading import Candidate, Hit, Position, by_form, by_product, by_trigram, ordered
from services.pmc.terms import MatchField
from services.pmc.words import AskedState

SCANNED_VALUES_MAX = 20_000
SCANNED_SECONDS_MAX = 0.3
MATCHED_AT_ONCE = 64
"""Products matched in one call of a thread, off the event loop."""

PREFIX, OTHERS = "prefix", "others"
"""The phases of contains."""


class SearchScope(Value):
    """A search: the channels to look in with what is known of each, the online state and how many hits a page has."""

    channels: Mapping[str, Known]
    state: AskedState
    limit: int


class Found(Value):
    """A page: its hits, the position of the next page if there is one, and whether a work bound ended it early."""

    hits: list[Hit]
    position: list[str] | None
    scan_limited: bool = False


async def search_prefix(
    reader: SnapshotReader, asked: SearchScope, question: Question, position: Sequence[str] | None
) -> Found:
    """Hits whose form begins with q, by form and product_id."""
    after = ("", "") if position is None else (position[0], position[1])
    hits = await _taken(_prefix_hits(reader, asked, question, after), asked.limit + 1)
    more = len(hits) > asked.limit
    hits = hits[: asked.limit]
    return Found(hits=hits, position=[hits[-1].match.form, hits[-1].product_id] if more else None)


async def search_contains(
    reader: SnapshotReader, asked: SearchScope, question: Question, position: Sequence[str] | None
) -> Found:
    """The hits of prefix, then those that only hold q, by product_id."""
    hits: list[Hit] = []
    phase, *place = position or [PREFIX, "", ""]
    if phase == PREFIX:
        found = await search_prefix(reader, asked, question, place)
        hits = found.hits
        if found.position is not None:
            return Found(hits=hits, position=[PREFIX, *found.position])
        place = [""]
    others = _other_hits(reader, asked, question, place[0])
    more_hits = await _taken(others, asked.limit + 1 - len(hits))
    hits += more_hits
    if len(hits) <= asked.limit:
        return Found(hits=hits, position=None)
    hits = hits[: asked.limit]
    last = hits[-1].product_id if len(more_hits) > 1 else place[0]
    return Found(hits=hits, position=[OTHERS, last])


async def search_regex(
    reader: SnapshotReader,
    asked: SearchScope,
    pattern: str,
    fields: Sequence[MatchField],
    position: Sequence[str] | None,
) -> Found:
    """Hits in whose values the pattern is found, by product_id, as far as the work bound of a page goes."""
    expression = compiled(pattern, ignore_case=True)
    trigrams = _trigrams(literals_of(pattern))
    after = position[0] if position is not None else ""
    streams = [by_trigram(reader, guid, known.rarest(trigrams), after, known) for guid, known in asked.channels.items()]
    until = monotonic() + SCANNED_SECONDS_MAX
    hits: list[Hit] = []
    scanned = 0
    last: str | None = None
    async for some in _groups(by_product(streams), MATCHED_AT_ONCE):
        # Checked here, when it is known that more follows. The first group is always matched, so every page advances.
        if last is not None and (scanned >= SCANNED_VALUES_MAX or monotonic() > until):
            return Found(hits=hits, position=[last], scan_limited=True)
        matches = await asyncio.to_thread(_match_all, expression, fields, some)
        for candidate, match in zip(some, matches, strict=True):
            scanned += sum(len(candidate.values.of(field)) for field in fields)
            if match is not None and asked.state in {"both", candidate.online_state}:
                if len(hits) == asked.limit:
                    return Found(hits=hits, position=[hits[-1].product_id])
                hits.append(Hit(product_id=candidate.product_id, match=match))
        last = some[-1].product_id
    return Found(hits=hits, position=None)


def _trigrams(texts: Iterable[str]) -> list[str]:
    return [text[at : at + 3] for text in texts for at in range(len(text) - 2)]


def _match_all(expression: Any, fields: Sequence[MatchField], some: Sequence[Candidate]) -> list[Match | None]:
    return [regex_match(expression, fields, each.values) for each in some]


def _prefix_hits(reader: SnapshotReader, asked: SearchScope, question: Question, after: Position) -> AsyncIterator[Hit]:
    streams: list[AsyncIterator[Candidate]] = []
    for guid, known in asked.channels.items():
        streams.append(by_form(reader, guid, "words", question.plain, after, known))
        if question.bare:
            streams.append(by_form(reader, guid, "bares", question.bare, after, known))

    def find(candidate: Candidate) -> Match | None:
        if asked.state not in {"both", candidate.online_state}:
            return None
        return prefix_match(question, candidate.values)

    return ordered(streams, after, find)


async def _other_hits(reader: SnapshotReader, asked: SearchScope, question: Question, after: str) -> AsyncIterator[Hit]:
    """Products that hold q without beginning with it, by product_id."""
    texts = [each for each in (question.plain, question.bare) if each]
    wanted = dict.fromkeys(
        (guid, known.rarest(_trigrams([text]))) for text in texts for guid, known in asked.channels.items()
    )
    streams = [by_trigram(reader, guid, trigram, after, asked.channels[guid]) for guid, trigram in wanted]
    async for candidate in by_product(streams):
        if asked.state in {"both", candidate.online_state}:
            match = contains_match(question, candidate.values)
            if match is not None and not match.begins:
                yield Hit(product_id=candidate.product_id, match=match)


async def _taken(hits: AsyncIterator[Hit], limit: int) -> list[Hit]:
    found: list[Hit] = []
    async for hit in hits:
        found.append(hit)
        if len(found) >= limit:
            break
    return found


async def _groups(candidates: AsyncIterator[Candidate], size: int) -> AsyncIterator[list[Candidate]]:
    group: list[Candidate] = []
    async for each in candidates:
        group.append(each)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
