"""Full-text search by substring: tokens, n-grams, matching and snippets. Pure.

A search word contains no blank, so it matches inside one word of a text. Records are indexed by the tokens of their
texts, and each token of an org is stored once, indexed by its n-grams of two, three and four characters. A search word
is looked up in three steps: n-grams find tokens, tokens find records, and the texts of these are compared.
"""

import unicodedata
from collections.abc import Iterable, Sequence

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Document

GRAM_LENGTHS = (2, 3, 4)
SNIPPET_CHARACTERS = 160
QUESTION_CHARACTERS_MIN = 2

PIECE_CHARACTERS = 40
"""A longer word is indexed as pieces of this length, each starting half a piece after the previous one."""
PART_CHARACTERS_MAX = PIECE_CHARACTERS // 2
"""Any part of a word up to this length is contained in one of its pieces."""

MARKS_MAX = 256
MARK_STEP_FIRST = 256
STRETCH_GROWTH = 4
"""Each range of a search reaches this many times as far back as the previous one."""


def fold(text: str) -> str:
    """The text as it is compared: NFKC, accents removed, case folded. One character may become several (ß becomes ss),
    or several one."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text))
    plain = "".join(one for one in decomposed if unicodedata.category(one) != _ACCENT)
    return unicodedata.normalize("NFKC", plain.casefold())


_ACCENT = "Mn"
"""The Unicode category of combining marks."""


def _clusters(text: str) -> list[str]:
    """The text in pieces that fold each by itself: a character and what may be composed with it."""
    found: list[str] = []
    for one in text:
        if found and (unicodedata.category(one)[0] == "M" or "\u1160" <= one <= "\u11ff" or one in "\uff9e\uff9f"):
            found[-1] += one
        else:
            found.append(one)
    return found


def words_of(question: str) -> list[str]:
    """The distinct words of a search, folded, longest first. All of them must occur."""
    return sorted(dict.fromkeys(fold(question).split()), key=len, reverse=True)


def tokens_of(texts: Iterable[str]) -> list[str]:
    """The tokens texts are indexed by: their folded words, long ones in pieces."""
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
    """The n-grams a token is indexed by."""
    found = {token[start : start + length] for length in GRAM_LENGTHS for start in range(len(token) - length + 1)}
    return sorted(found)


def part_of(word: str) -> str:
    """The start of a search word, short enough that every text with the word has a token containing it."""
    return word[:PART_CHARACTERS_MAX]


def choices(part: str) -> list[str]:
    """Up to three n-grams that every token containing `part` has; none for a single character."""
    length = min(len(part), GRAM_LENGTHS[-1])
    if length < GRAM_LENGTHS[0]:
        return []
    last = len(part) - length
    return list(dict.fromkeys(part[start : start + length] for start in (0, last // 2, last)))


def matches(words: Iterable[str], texts: Sequence[str]) -> bool:
    """Whether each of the folded words occurs in at least one of the texts."""
    folded = [fold(text) for text in texts]
    return all(any(word in text for text in folded) for word in words)


def snippet(words: Sequence[str], texts: Sequence[str]) -> str:
    """Up to 160 characters around the first match in the first text with one; otherwise the start of the first text."""
    for text in texts:
        folded = fold(text)
        places = [(place, len(word)) for word in words if (place := folded.find(word)) >= 0]
        if places:
            return _around(text, *_unfolded(text, *min(places)))
    return texts[0][:SNIPPET_CHARACTERS]


def _unfolded(text: str, place: int, length: int) -> tuple[int, int]:
    """Convert a position and length in the folded text to those in the original text."""
    if text.isascii():
        return place, length
    origins: list[tuple[int, int]] = []
    start = 0
    for cluster in _clusters(text):
        end = start + len(cluster)
        origins += [(start, end)] * len(fold(cluster))
        start = end
    last = len(origins) - 1
    start, end = origins[min(place, last)][0], origins[min(place + length - 1, last)][1]
    return start, end - start


def _around(text: str, place: int, length: int) -> str:
    before = max(0, SNIPPET_CHARACTERS - length) // 2
    start = max(0, min(place - before, len(text) - SNIPPET_CHARACTERS))
    return text[start : start + SNIPPET_CHARACTERS]


class Word(Document):
    """A token that occurs, or once occurred, in a text of an org."""

    word_id: str
    orgcode: str = ""
    word: str


class Marks(Document):
    """A sample of the ids of an org's records of one entity: every `step`-th one, oldest first.

    A search uses them to divide the ids into ranges of similar size; its result does not depend on them. `since` is
    the number of records after the last mark.
    """

    marks_id: str
    orgcode: str = ""
    step: int = MARK_STEP_FIRST
    since: int = 0
    ids: list[str] = field(default_factory=list)


def marked(marks: Marks, record_id: str) -> Marks:
    """The marks after a new record. Beyond `MARKS_MAX`, every other mark is removed and the step doubles."""
    since = marks.since + 1
    if since < marks.step or (marks.ids and record_id <= marks.ids[-1]):
        return replace(marks, since=since)
    ids, step = [*marks.ids, record_id], marks.step
    if len(ids) > MARKS_MAX:
        ids, step = ids[1::2], step * 2
    return replace(marks, ids=ids, step=step, since=0)


def floors(ids: Sequence[str], below: str | None) -> list[str | None]:
    """The lower ends of the ranges of a search going back from the id `below` (None: from the newest record).

    The first range is one mark long, and each next end is `STRETCH_GROWTH` times as far back. The last is None: no end.
    """
    behind = [mark for mark in ids if below is None or mark < below]
    found: list[str | None] = []
    distance = 1
    while distance <= len(behind):
        found.append(behind[-distance])
        distance *= STRETCH_GROWTH
    return [*found, None]
