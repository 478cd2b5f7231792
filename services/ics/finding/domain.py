"""Finding words in text: what a text is looked up by, whether it matches, and what is shown of it. Pure.

A word of a question holds no blank, so it matches within one word of a text. Texts are kept under their words, and
each word there is in an org is kept once, under its grams: all runs of two, three and four characters in it. So a part
of a word finds the words it is in, and they find the texts; only then is each text looked at as it is.
"""

from collections.abc import Iterable, Sequence

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Document

GRAM_LENGTHS = (2, 3, 4)
SNIPPET_CHARACTERS = 160
QUESTION_CHARACTERS_MIN = 2

PIECE_CHARACTERS = 40
"""A longer word is kept in pieces of this length, each beginning half a piece behind the one before."""
PART_CHARACTERS_MAX = PIECE_CHARACTERS // 2
"""Whatever is no longer than this lies whole in one of a word's pieces."""

MARKS_MAX = 256
MARK_STEP_FIRST = 256
STRETCH_GROWTH = 4
"""How much farther each stretch of a search goes than the one before."""


def fold(text: str) -> str:
    """The text with upper and lower case alike. A character may become several, as ß does, whose capital is SS."""
    return text.casefold()


def words_of(question: str) -> list[str]:
    """The words that must all occur, folded, each once, the longest first."""
    return sorted(dict.fromkeys(fold(question).split()), key=len, reverse=True)


def tokens_of(texts: Iterable[str]) -> list[str]:
    """What texts are kept under: their words, folded, the long ones in pieces."""
    found: set[str] = set()
    for text in texts:
        for word in set(fold(text).split()):
            found.update(_pieces(word))
    return sorted(found)


def _pieces(word: str) -> Iterable[str]:
    if len(word) <= PIECE_CHARACTERS:
        return (word,)
    step = PIECE_CHARACTERS - PART_CHARACTERS_MAX
    return (word[start : start + PIECE_CHARACTERS] for start in range(0, len(word) - PART_CHARACTERS_MAX, step))


def grams_of(token: str) -> list[str]:
    """What a token is kept under."""
    found = {token[start : start + length] for length in GRAM_LENGTHS for start in range(len(token) - length + 1)}
    return sorted(found)


def part_of(word: str) -> str:
    """What of a word asked for is in one token of each text that has the word."""
    return word[:PART_CHARACTERS_MAX]


def choices(part: str) -> list[str]:
    """Grams that every token with this part has; none for a single character."""
    length = min(len(part), GRAM_LENGTHS[-1])
    if length < GRAM_LENGTHS[0]:
        return []
    last = len(part) - length
    return list(dict.fromkeys(part[start : start + length] for start in (0, last // 2, last)))


def matches(words: Iterable[str], texts: Sequence[str]) -> bool:
    """Whether each word occurs in one of the texts."""
    folded = [fold(text) for text in texts]
    return all(any(word in text for text in folded) for word in words)


def snippet(words: Sequence[str], texts: Sequence[str]) -> str:
    """What is shown of the texts: around the first match in the first of them that has one, else its start."""
    for text in texts:
        folded = fold(text)
        places = [(place, len(word)) for word in words if (place := folded.find(word)) >= 0]
        if places:
            return _around(text, *_unfolded(text, *min(places)))
    return texts[0][:SNIPPET_CHARACTERS]


def _unfolded(text: str, place: int, length: int) -> tuple[int, int]:
    """Where in a text that lies which, in the folded text, is at a place, and how long it is there."""
    origins = range(len(text)) if text.isascii() else [at for at, one in enumerate(text) for _ in fold(one)]
    start, end = origins[place], origins[place + length - 1] + 1
    return start, end - start


def _around(text: str, place: int, length: int) -> str:
    before = max(0, SNIPPET_CHARACTERS - length) // 2
    start = max(0, min(place - before, len(text) - SNIPPET_CHARACTERS))
    return text[start : start + SNIPPET_CHARACTERS]


class Word(Document):
    """A token that some text of an org has, or had."""

    word_id: str
    orgcode: str = ""
    word: str


class Marks(Document):
    """Ids of an org's records of one kind, one in every so many (`step`), oldest first: how densely they lie in time.

    They say how far a search need look back at a time; what it finds does not depend on them.
    """

    marks_id: str
    orgcode: str = ""
    step: int = MARK_STEP_FIRST
    since: int = 0
    ids: list[str] = field(default_factory=list)


def marked(marks: Marks, record_id: str) -> Marks:
    """The marks after one more record. When there are too many, every other one goes and the step doubles."""
    since = marks.since + 1
    if since < marks.step or (marks.ids and record_id <= marks.ids[-1]):
        return replace(marks, since=since)
    ids, step = [*marks.ids, record_id], marks.step
    if len(ids) > MARKS_MAX:
        ids, step = ids[1::2], step * 2
    return replace(marks, ids=ids, step=step, since=0)


def floors(ids: Sequence[str], below: str | None) -> list[str | None]:
    """Where to stop on the way back from an id (None: from the newest): soon at first, then farther each time.

    The last is None: the very beginning.
    """
    behind = [mark for mark in ids if below is None or mark < below]
    found: list[str | None] = []
    distance = 1
    while distance <= len(behind):
        found.append(behind[-distance])
        distance *= STRETCH_GROWTH
    return [*found, None]
