"""Records with a long list: changed items alone are stored, and the process remembers what it need not read again."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from msgspec import field
from msgspec.structs import replace

from chassis.entity import Entity, LongList, Record, Value, index
from chassis.mongo.collection import Collection
from chassis.mongo.limits import LARGE_DECODED_ITEMS
from chassis.mongo.long_records import LONG_ITEMS
from chassis.mongo.remembered import ITEMS_KEPT_MAX, RECORD_ITEMS_MAX, WRITE_ID, RememberedRecords
from chassis.mongo.table import Table
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change, View
from tests.chassis.data_given import a_call, opened


class Chapter(Value):
    """A part of a book."""

    name: str
    words: int = 0


class Book(Record):
    """A record with a list that may grow long."""

    book_id: str
    title: str = ""
    note: str | None = None
    chapters: list[Chapter] = field(default_factory=list)


def names_of(book: Book) -> list[str]:
    return sorted([book.title, *(chapter.name for chapter in book.chapters)])


BOOKS: Entity[Book] = Entity(
    "book",
    Book,
    collection="books",
    id="book_id",
    indexes=[index("names")],
    derived={"names": names_of, "words": lambda book: sum(chapter.words for chapter in book.chapters)},
    long_list=LongList("chapters", same=lambda before, after: before.name == after.name, derived={"names": ("title",)}),
    history=False,
)
MANY = 3 * LONG_ITEMS

Changing = Callable[[Book], Book]


def a_book(chapters: int = MANY) -> Book:
    return Book(book_id="b1", title="T", chapters=[Chapter(name=f"C{number:05}") for number in range(chapters)])


def at(place: int, **changes: Any) -> Changing:
    """Changes one chapter."""

    def changed(book: Book) -> Book:
        chapters = list(book.chapters)
        chapters[place] = replace(chapters[place], **changes)
        return replace(book, chapters=chapters)

    return changed


def adds(name: str) -> Changing:
    """Adds a chapter."""
    return lambda book: replace(book, chapters=[*book.chapters, Chapter(name=name)])


class Sent:
    """What was sent to the books' collection and read from it."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.read: list[dict[str, Any]] = []


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Notes it."""
    found = Sent()
    read, write = Collection._read, Collection._write

    async def reads(self: Collection, command: Any, session: Any) -> list[dict[str, Any]]:
        documents = await read(self, command, session)
        if self.name == BOOKS.collection:
            found.read += [dict(document) for document in documents]
        return documents

    async def writes(self: Collection, verb: Any, name: Any, items: Any, *rest: Any, **named: Any) -> None:
        if self.name == BOOKS.collection and verb == "update":
            found.updates += [each["u"] for each in items]
        await write(self, verb, name, items, *rest, **named)

    monkeypatch.setattr(Collection, "_read", reads)
    monkeypatch.setattr(Collection, "_write", writes)
    return found


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """An engine of our own."""
    async with opened(mongodb_uri, database_name) as opening:
        yield opening


async def store(units: MongoUnits, book: Book) -> None:
    await units.change(a_call(), lambda change: change.insert(BOOKS, book))


async def change_book(units: MongoUnits, *changes: Changing) -> Book:
    async def handler(change: Change) -> Book:
        book = await change.load(BOOKS, "b1")
        for each in changes:
            book = each(book)
        return await change.update(BOOKS, book)

    return await units.change(a_call(), handler)


async def load(view: View) -> Book:
    return await view.load(BOOKS, "b1")


async def check(units: MongoUnits, expected: Book) -> None:
    """What is stored is what another process reads, and what a whole write would have stored."""
    (document,) = await units.database.collection(BOOKS.collection).find({"_id": "b1"})
    assert {name: value for name, value in document.items() if name != WRITE_ID} == BOOKS.to_document(expected)
    assert await units.view(a_call(), load) == expected


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ([at(7, words=3)], {"chapters.7", "words"}),
        ([at(7, name="A"), at(299, words=1)], {"chapters.7", "chapters.299", "names", "words"}),
        (
            [adds("Z")],
            {"chapters.300", "names", "words"},
        ),
        ([lambda book: replace(book, title="U")], {"title", "names", "words"}),
        ([lambda book: replace(book, note="N")], {"note", "words"}),
    ],
)
async def test_only_what_differs_is_stored(
    units: MongoUnits, sent: Sent, changes: list[Changing], fields: set[str]
) -> None:
    await store(units, a_book())
    after = await change_book(units, *changes)

    (update,) = sent.updates
    assert update["$set"].keys() == {*fields, WRITE_ID, "revision", *({"updated_utc"} & update["$set"].keys())}
    await check(units, after)


@pytest.mark.parametrize(
    "changed",
    [
        lambda book: replace(book, chapters=book.chapters[1:]),
        lambda book: replace(book, chapters=[replace(each, words=1) for each in book.chapters]),
    ],
)
async def test_a_record_is_stored_whole_if_an_item_goes_or_many_change(
    units: MongoUnits, sent: Sent, changed: Changing
) -> None:
    await store(units, a_book())
    after = await change_book(units, changed)

    (update,) = sent.updates
    assert update["_id"] == "b1"
    await check(units, after)
    again = await change_book(units, at(5, words=9))
    assert "$set" in sent.updates[-1]
    await check(units, again)


async def test_a_short_list_is_stored_whole_until_it_is_long(units: MongoUnits, sent: Sent) -> None:
    await store(units, a_book(LONG_ITEMS - 2))
    for number in range(4):
        await check(units, await change_book(units, adds(f"X{number}")))
    assert ["$set" in update for update in sent.updates] == [False, True, True, True]


async def test_several_changes_of_one_transaction_are_stored_as_one(units: MongoUnits, sent: Sent) -> None:
    await store(units, a_book())

    async def twice(change: Change) -> Book:
        for place in (3, 4):
            book = await change.load(BOOKS, "b1")
            await change.update(BOOKS, at(place, words=place)(book))
        return await change.load(BOOKS, "b1")

    after = await units.change(a_call(), twice)
    assert sent.updates[-1]["$set"].keys() >= {"chapters.3", "chapters.4"}
    await check(units, after)


async def test_what_the_process_knows_is_not_read_again(units: MongoUnits, sent: Sent) -> None:
    await store(units, a_book())
    after = a_book()
    for number in range(3):
        after = await change_book(units, at(number, words=1))
    assert await units.view(a_call(), load) == after
    assert len(sent.read) == 4
    assert {frozenset(each) for each in sent.read} == {frozenset({"_id", WRITE_ID})}


async def test_what_another_process_stored_is_read(units: MongoUnits, mongodb_uri: str, database_name: str) -> None:
    await store(units, a_book())
    after = a_book()
    async with opened(mongodb_uri, database_name) as other:
        for number in range(4):
            await change_book(units, at(number, words=1))
            after = await change_book(other, at(number, words=2))
        assert await units.view(a_call(), load) == after
        assert [chapter.words for chapter in after.chapters[:5]] == [2, 2, 2, 2, 0]
    # An earlier release stores the whole record, without the id of its write.
    collection = units.database.collection(BOOKS.collection)
    await collection.replace_many([BOOKS.to_document(replace(after, title="old"))])
    assert (await units.view(a_call(), load)).title == "old"


async def test_a_change_that_fails_leaves_nothing_behind(units: MongoUnits) -> None:
    await store(units, a_book())

    async def broken(change: Change) -> None:
        await change.update(BOOKS, at(0, words=5)(await change.load(BOOKS, "b1")))
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await units.change(a_call(), broken)
    assert (await units.view(a_call(), load)).chapters[0].words == 0


async def test_a_deleted_record_is_gone(units: MongoUnits) -> None:
    await store(units, a_book())
    await change_book(units, at(0, words=1))

    async def remove(change: Change) -> None:
        await change.delete(BOOKS, await change.load(BOOKS, "b1"))

    await units.change(a_call(), remove)
    assert await units.view(a_call(), lambda view: view.get(BOOKS, "b1")) is None
    await store(units, a_book(1))
    assert len((await units.view(a_call(), load)).chapters) == 1


async def test_a_remembered_record_is_changed_in_the_shared_batch_unless_it_is_very_large(units: MongoUnits) -> None:
    await store(units, a_book(LARGE_DECODED_ITEMS))
    await change_book(units, at(0, words=1))
    assert units.stats.heavy == 0
    await change_book(units, adds("one more"))
    await change_book(units, at(0, words=2))
    assert units.stats.heavy == 1


def test_no_more_is_remembered_than_fits() -> None:
    remembered = RememberedRecords()
    table = Table(BOOKS)
    book = a_book(RECORD_ITEMS_MAX)
    for number in range(6):
        remembered.add_written(table, f"b{number}", f"w{number}", book)
    known = [f"b{number}" for number in range(6) if remembered.under("books", f"b{number}", f"w{number}")]
    assert known == [f"b{number}" for number in range(6)][-(ITEMS_KEPT_MAX // RECORD_ITEMS_MAX) :]
    remembered.add_written(table, "b5", "w9", a_book(RECORD_ITEMS_MAX + 1))
    assert remembered.among("books", ["b4", "b5"]) == ["b4"]
    assert remembered.under("books", "b4", None) is None
