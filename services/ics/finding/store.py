"""Searches records by words, newest first, with a limited cost per call.

The cost of a query may depend on all its matches, even with a limit. The search therefore reads the newest records in
ranges that end at marks (see `Marks`). Frequent words fill a page within the first ranges. Words that do not are rare,
and then one query by token over all records is cheap.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from chassis.clock import Utc, to_millis
from chassis.entity import Document, Entity, index
from chassis.page import Page, Paged, PageRequest, items_of, wrong_token
from chassis.unit import Change, View, Where, between, one_of
from services.ics.finding.domain import Marks, Word, choices, floors, grams_of, marked, part_of, tokens_of

R = TypeVar("R", bound=Document)

LOOKED_AT_MAX = 2048
"""Most records read for one page; after that the call returns the matches so far and a token to continue."""

READ_FIRST = 64
"""Limit of the first read; it doubles with each further read."""

TOKENS_MAX = 128
"""Most tokens in one lookup. A word part contained in more tokens is only compared with the texts."""

STRETCHES_BEFORE_RARE = 2
"""After this many ranges without a full page, the words are treated as rare."""

WORDS = Entity(
    "search_word",
    Word,
    collection="search_words",
    id="word_id",
    shard_key=("word_id",),
    indexes=[index("grams")],
    derived={"grams": lambda word: grams_of(word.word)},
    history=False,
    technical=True,
)
MARKS = Entity(
    "search_marks",
    Marks,
    collection="search_marks",
    id="marks_id",
    shard_key=("orgcode",),
    history=False,
    technical=True,
)


async def learn(change: Change, texts: Iterable[str]) -> None:
    """Store every token of these texts that is new in the org."""
    orgcode = change.call.orgcode
    tokens = {f"{orgcode}/{token}": token for token in tokens_of(texts)}
    known = await change.get_many(WORDS, tokens)
    for word_id, token in tokens.items():
        if word_id not in known:
            await change.insert(WORDS, Word(word_id=word_id, word=token))


async def mark(change: Change, entity: Entity[Any], record_id: str) -> None:
    """Update the marks with a new record of a searchable entity."""
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
    """A search.

    words  words that must all occur; empty: any record
    lead   equality filters that an index has in front of the id
    rest   further filters
    since  earliest creation time (UTC); None: no limit
    shows  whether a record matches; called for every record read
    asked  a JSON value that identifies the search: a page token is valid only for the same value
    """

    words: Sequence[str]
    lead: Where
    rest: Mapping[str, Any]
    since: Utc | None
    shows: Callable[[R], bool]
    asked: Any


async def search(view: View, entity: Entity[R], question: Question[R], page: Paged) -> Page[R]:
    """A page of matches, newest first. Raises `Invalid` if the page token belongs to another search.

    Index: tokens, id; the lead, id; grams of the words.
    """
    question = question._replace(asked=[view.call.orgcode, entity.name, question.asked])
    top = _position(page.next_token, question.asked)
    tokens = await _tokens(view, question.words)
    if tokens is not None and not tokens:
        return _page([])
    marks = await view.get(MARKS, marks_id_of(view.call.orgcode, entity))
    # The time in an id is never earlier than the creation of its record, but may be later if a clock was set back.
    bottom = "" if question.since is None else _id_at(to_millis(question.since))
    stops = [stop for stop in floors(marks.ids if marks is not None else (), top) if stop is None or stop > bottom]
    walk = _Walk(view, entity, question, tokens, bottom, items_of(page))
    return await walk.back(top, stops if stops and stops[-1] is None else [*stops, None])


async def _tokens(view: View, words: Sequence[str]) -> list[str] | None:
    """Tokens such that every match has at least one of them; None if there are too many for a lookup."""
    parts = list(dict.fromkeys(map(part_of, words)))
    grams = list(dict.fromkeys(gram for part in parts for gram in choices(part)))
    if not grams:
        return None
    # Pages, not finds: where the first tokens of a frequent n-gram end is remembered, so it costs no more than those.
    first = PageRequest(limit=TOKENS_MAX + 1)
    pages = await view.together(view.page(WORDS, {"grams": gram}, page=first, order=("word_id",)) for gram in grams)
    by_gram = {gram: page.items for gram, page in zip(grams, pages, strict=True)}
    best: list[str] | None = None
    for part in parts:
        fewest = min((by_gram[gram] for gram in choices(part)), key=len, default=None)
        if fewest is None or len(fewest) > TOKENS_MAX:
            continue
        tokens = [word.word for word in fewest if part in word.word]
        if best is None or len(tokens) < len(best):
            best = tokens
    return best


class _Walk(Generic[R]):
    """The state of one call's search back through the records."""

    def __init__(
        self,
        view: View,
        entity: Entity[R],
        question: Question[R],
        tokens: list[str] | None,
        bottom: str,
        wanted: int,
    ) -> None:
        self._view = view
        self._entity = entity
        self._question = question
        self._tokens = tokens
        self._bottom = bottom
        self._wanted = wanted
        self._found: list[R] = []
        self._looked_at = 0
        self._size = READ_FIRST

    async def back(self, top: str | None, stops: Sequence[str | None]) -> Page[R]:
        """Read range by range below the id `top`, until the page is full, `LOOKED_AT_MAX` is reached or all is read."""
        id_of, asked = self._entity.id_of, self._question.asked
        for number, stop in enumerate(stops):
            rare = self._tokens is not None and number >= STRETCHES_BEFORE_RARE
            end = None if rare else stop
            while True:
                limit = min(self._size, LOOKED_AT_MAX - self._looked_at)
                part = await self._read(top, end, limit, rare)
                self._size *= 2
                self._looked_at += len(part)
                self._found += filter(self._question.shows, part)
                if len(self._found) > self._wanted:
                    items = self._found[: self._wanted]
                    return _page(items, _token(id_of(items[-1]), asked))
                if len(part) < limit:
                    break
                top = id_of(part[-1])
                if self._looked_at >= LOOKED_AT_MAX:
                    return _page(self._found, _token(top, asked))
            if end is None:
                break
            top = end
        return _page(self._found)

    async def _read(self, top: str | None, end: str | None, limit: int, rare: bool) -> list[R]:
        """The newest possible matches with ids below `top` and not below `end`, at most `limit`."""
        question, name = self._question, self._entity.id
        ids = between(below=top, at_least=end or self._bottom)
        where: dict[str, Any] = dict(question.lead)
        rest: dict[str, Any] = dict(question.rest)
        if self._tokens is not None and rare:
            where, rest = {"tokens": one_of(self._tokens)}, {**where, **rest}
        elif self._tokens is not None:
            rest["tokens"] = one_of(self._tokens)
        where[name] = ids
        return await self._view.find(self._entity, where, order=(f"-{name}",), limit=limit, rest=rest)


def _page(items: list[R], next_token: str | None = None) -> Page[R]:
    return Page(items=items, count=len(items), next_token=next_token)


def _id_at(millis: int) -> str:
    """The smallest id of a millisecond (Unix time)."""
    digits = f"{max(millis, 0):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def _token(last: str, asked: Any) -> str:
    return f"{last}.{_seal(last, asked)}"


def _position(token: str | None, asked: Any) -> str | None:
    """The id after which the next page starts. Raises `Invalid` if the token belongs to another search."""
    if token is None:
        return None
    last, _, seal = token.partition(".")
    if not last or seal != _seal(last, asked):
        raise wrong_token()
    return last


def _seal(last: str, asked: Any) -> str:
    return sha256(msgspec.json.encode([last, asked])).hexdigest()[:32]
