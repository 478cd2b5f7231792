"""Walking back through records in search of words: newest first, in stretches whose length is known beforehand.

A stretch ends at a mark (see `Marks`), so that one read never goes through more records than it is worth: on the
embedded engine a query costs all it could find, whatever its limit.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from chassis.clock import Utc, to_millis
from chassis.entity import Document, Entity, Value
from chassis.errors import invalid_field
from chassis.page import Paged, items_of
from chassis.unit import Change, View, Where, between
from services.ics.finding.domain import Marks, choices, floors, marked
from services.ics.reads import together

R = TypeVar("R", bound=Document)

LOOKED_AT_MAX = 2048
"""Most records a call looks at for a page; after that it answers what it has, and where to go on."""

TRIED_MAX = 64
"""Records of each gram that are read to see which gram is the rarest."""

MARKS = Entity("search_marks", Marks, collection="search_marks", id="marks_id", history=False, technical=True)


async def mark(change: Change, entity: Entity[Any], record_id: str) -> None:
    """Note a new record of an entity that is searched."""
    marks_id = marks_id_of(change.call.orgcode, entity)
    marks = await change.get(MARKS, marks_id)
    if marks is None:
        await change.insert(MARKS, marked(Marks(marks_id=marks_id), record_id))
    else:
        await change.update(MARKS, marked(marks, record_id))


def marks_id_of(orgcode: str, entity: Entity[Any]) -> str:
    """The id of an org's marks of an entity."""
    return f"{orgcode}/{entity.name}"


class Question(NamedTuple, Generic[R]):
    """What is looked for.

    words  all of which must occur; none: whatever there is
    lead   what an index has in front of the id, when no word leads
    rest   what else a record must be
    since  none was created before; None: whenever
    shows  whether a record is an answer
    asked  any JSON value that says which question it is: what its tokens are good for
    """

    words: Sequence[str]
    lead: Where
    rest: Mapping[str, Any]
    since: Utc | None
    shows: Callable[[R], bool]
    asked: Any


class Found(Value, Generic[R], frozen=True, kw_only=True):
    """A page of answers, newest first."""

    items: list[R]
    next_token: str | None


async def search(view: View, entity: Entity[R], question: Question[R], page: Paged) -> Found[R]:
    """A page of what is looked for, newest first. Index: grams, id; or the lead, id."""
    top = last = _position(page.next_token, question.asked)
    limit = items_of(page)
    marks = await view.get(MARKS, marks_id_of(view.call.orgcode, entity))
    # An id is never older than its record (but may be younger, where a clock was set back).
    bottom = "" if question.since is None else _id_at(to_millis(question.since))
    stops = [stop for stop in floors(marks.ids if marks is not None else (), top) if stop is None or stop > bottom]
    if not stops or stops[-1] is not None:
        stops.append(None)
    reader = _Reader(view, entity, question, bottom)
    found: list[R] = []
    for stop in stops:
        while True:
            part, whole = await reader.read(top, stop)
            for record in part:
                last = entity.id_of(record)
                if question.shows(record):
                    found.append(record)
                if len(found) > limit:
                    return Found(items=found[:limit], next_token=_token(entity.id_of(found[limit - 1]), question.asked))
            if reader.looked_at >= LOOKED_AT_MAX and not (whole and stop is None):
                return Found(items=found, next_token=_token(last or "", question.asked))
            if whole:
                break
            top = last
        top = stop
    return Found(items=found, next_token=None)


class _Reader(Generic[R]):
    """Reads what the question's rarest gram finds, stretch by stretch."""

    def __init__(self, view: View, entity: Entity[R], question: Question[R], bottom: str) -> None:
        self._view = view
        self._entity = entity
        self._question = question
        self._bottom = bottom
        self._choices = choices(question.words)
        self._limit = TRIED_MAX
        self.looked_at = 0

    async def read(self, top: str | None, stop: str | None) -> tuple[list[R], bool]:
        """The records below `top` down to `stop`, and whether these are all of them. Reads more each time."""
        ids = between(below=top, at_least=stop or self._bottom)
        if len(self._choices) > 1:
            part, limit = await self._choose(ids), TRIED_MAX
        else:
            limit, self._limit = min(self._limit, LOOKED_AT_MAX - self.looked_at), self._limit * 2
            part = await self._find(self._choices[0] if self._choices else None, ids, limit)
        self.looked_at += len(part)
        return part, len(part) < limit

    async def _choose(self, ids: Any) -> list[R]:
        """What the rarest gram finds; from then on it leads alone. Those that find nothing here may be rarest yet."""
        tried = await together(self._find(gram, ids, TRIED_MAX) for gram in self._choices)
        found = dict(zip(self._choices, tried, strict=True))
        self._choices = [gram for gram, part in found.items() if not part]
        if self._choices:
            return []
        self._choices = [min(found, key=lambda gram: _yield(found[gram], self._entity))]
        return found[self._choices[0]]

    async def _find(self, gram: str | None, ids: Any, limit: int) -> list[R]:
        question = self._question
        where: dict[str, Any] = {"grams": gram} if gram is not None else dict(question.lead)
        rest = dict(question.rest) if gram is None else {**question.lead, **question.rest}
        where[self._entity.id] = ids
        return await self._view.find(self._entity, where, order=(f"-{self._entity.id}",), limit=limit, rest=rest)


def _yield(part: Sequence[Any], entity: Entity[Any]) -> tuple[int, str]:
    """How common a gram is, by the records it was tried on: how many there were, and how far back the last lay."""
    return len(part), entity.id_of(part[-1]) if part else ""


def _id_at(millis: int) -> str:
    """The least id of a millisecond."""
    digits = f"{max(millis, 0):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def _token(last: str, asked: Any) -> str:
    return f"{last}.{_seal(last, asked)}"


def _position(token: str | None, asked: Any) -> str | None:
    """The id behind which a page goes on."""
    if token is None:
        return None
    last, _, seal = token.partition(".")
    if not last or seal != _seal(last, asked):
        raise invalid_field("next_token", "was not made for this query")
    return last


def _seal(last: str, asked: Any) -> str:
    return sha256(msgspec.json.encode([last, asked])).hexdigest()[:32]
