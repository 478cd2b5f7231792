"""The search row: common and rare words searched in a hundred thousand comments.

Comments are written directly to the service's database, as documents of the declared entity, because only the search is
measured. Word frequencies follow Zipf's law: some words are in every other comment, most in a few.
"""

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from pymongo import AsyncMongoClient

from bench.rows import Bench, Row
from bench.world import ORG
from chassis.clock import Utc, from_seconds, to_seconds
from chassis.ids import IdSource
from services.ics.comment.domain import Comment
from services.ics.comment.store import COMMENTS
from services.ics.finding.domain import Marks, Word, marked, tokens_of
from services.ics.finding.store import MARKS, WORDS, marks_id_of

COMMENTS_TOTAL = 100_000
WORDS_EACH = 15
VOCABULARY = 20_000
QUESTIONS = 200
BATCH = 500
FIRST_UTC = Utc("2026-01-01T00:00:00.000Z")
SECONDS_BETWEEN = 2.0

_SYLLABLES = [head + tail for head in "bdfgklmnprstvz" for tail in ("a", "e", "i", "o", "u", "an", "er", "is", "on")]


async def find_comments(bench: Bench) -> Row:
    """search/comments through the gateway with one client; queries have one or two words, common and rare ones."""
    world = bench.world
    words = vocabulary()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.stack["MONGODB_URI"])
    try:
        await fill(client, "ics", ORG, words)
    finally:
        await client.close()
    requests = [world.request("/ics/search/comments", q=asked) for asked in questions(words)]
    return await bench.ask(f"search/comments, {COMMENTS_TOTAL:,} comments", requests, 1)


def vocabulary() -> list[str]:
    """The words, most frequent first; the same in every run."""
    chance = random.Random(1)
    made = ("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(VOCABULARY * 3))
    return list(dict.fromkeys(made))[:VOCABULARY]


def questions(words: list[str]) -> list[str]:
    """The queries: words of every rank, parts of words, pairs of words, and a few unknown words."""
    chance = random.Random(2)

    def word() -> str:
        return words[int(len(words) ** chance.random()) - 1]

    asked = []
    for number in range(QUESTIONS):
        one = word()
        match number % 5:
            case 0 | 1:
                asked.append(one.upper() if len(one) > 1 else one * 2)
            case 2:
                asked.append(f"{one} {word()}")
            case 3:
                asked.append(one[: max(2, len(one) - 2)])
            case _:
                asked.append(one[-3:] if number % 2 else one[:2])
    return [each if len(each) > 1 else each * 2 for each in [*asked[:-4], "qwx", "xyzzy plugh", "qu", "nowhere"]]


async def fill(
    client: AsyncMongoClient[dict[str, Any]], name: str, org: str, words: list[str], total: int = COMMENTS_TOTAL
) -> None:
    """Insert the missing comments, with the search index entries that creating them would have written."""
    database = client[name]
    marks_id = marks_id_of(org, COMMENTS)
    if await database[MARKS.collection].find_one({"_id": marks_id}) is not None:
        return
    known = [Word(word_id=f"{org}/{token}", orgcode=org, word=token) for token in tokens_of(words)]
    await _insert(database[WORDS.collection], [WORDS.to_document(word) for word in known])
    marks = Marks(marks_id=marks_id, orgcode=org)
    batch: list[dict[str, Any]] = []
    for number, comment in enumerate(_comments(org, words, total), 1):
        marks = marked(marks, comment.comment_id)
        batch.append(COMMENTS.to_document(comment))
        if len(batch) == BATCH or number == total:
            await _insert(database[COMMENTS.collection], batch)
            batch.clear()
    await database[MARKS.collection].insert_one(MARKS.to_document(marks))


async def _insert(kept: Any, documents: list[dict[str, Any]]) -> None:
    # Not in transactions: many large ones in a row slow down the embedded engine.
    for start in range(0, len(documents), BATCH):
        await kept.insert_many(documents[start : start + BATCH], ordered=False)


def _comments(org: str, words: list[str], total: int) -> Iterator[Comment]:
    chance, ids = random.Random(3), IdSource()
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    start = to_seconds(FIRST_UTC)
    for number in range(total):
        now = from_seconds(start + number * SECONDS_BETWEEN)
        yield Comment(
            orgcode=org,
            revision=1,
            created_utc=now,
            created_by=f"author-{number % 20}",
            updated_utc=now,
            updated_by=f"author-{number % 20}",
            comment_id=ids.new(now),
            subject_type="variant",
            subject_id=f"V{number % 1000:06d}",
            body=" ".join(chance.choices(words, cum_weights=weights, k=WORDS_EACH)),
        )
