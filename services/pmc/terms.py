"""Search terms: the normalised and bare forms of a content's values, and of what a caller looks for.

A normalised value begins with q when q's normalised form is its prefix. Values of sku, code, identifier and alias have
a second, bare form without anything but letters, marks and digits. The title counts from every word on.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

from services.pmc.content import ProductContent
from services.pmc.words import Part

MatchField = Literal["sku", "code", "barcode", "identifier", "alias", "title"]

FIELDS: tuple[MatchField, ...] = ("sku", "code", "barcode", "identifier", "alias", "title")
"""Of several fields with the same matching form, the first in this order is answered."""

BARE_FIELDS = frozenset({"sku", "code", "identifier", "alias"})
BARE_CHARACTERS_MIN = 3
FORM_CHARACTERS_MAX = 128
"""Indexed forms are cut here: a caller looks for no more characters than this."""

_WORD_START = re.compile(r"(?<![^ \-/_.])[^ ]")


@lru_cache(maxsize=4096)
def normalised(text: str) -> str:
    """NFKC, NFD, marks of category Mn dropped, case folded, NFKC, white space to one blank, ends trimmed."""
    if text.isascii():
        return " ".join(text.casefold().split())
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text))
    plain = "".join(character for character in plain if unicodedata.category(character) != "Mn")
    return " ".join(unicodedata.normalize("NFKC", plain.casefold()).split())


def bare(value: str) -> str:
    """A normalised value without all but letters, marks and digits (categories L, M, N)."""
    if value.isascii():
        return "".join(filter(str.isalnum, value))
    return "".join(character for character in value if unicodedata.category(character)[0] in "LMN")


def word_starts(value: str) -> list[int]:
    """Where the words of a normalised title begin: at its start, after a blank and after - / _ and full stops."""
    return [found.start() for found in _WORD_START.finditer(value)]


class Values(Part):
    """The normalised values of a content, by field."""

    sku: str
    code: list[str]
    barcode: list[str]
    identifier: list[str]
    alias: list[str]
    title: str

    def of(self, field: MatchField) -> list[str]:
        """The values of a field."""
        value = getattr(self, field)
        return [value] if isinstance(value, str) else value


def values_of(content: ProductContent) -> Values:
    """What can be found of a content."""
    return Values(
        sku=normalised(content.sku),
        code=_sorted(normalised(each) for each in (content.variant_code, content.style_code)),
        barcode=_sorted(each.value for each in content.barcodes),
        identifier=_sorted(normalised(each.value) for each in content.identifiers),
        alias=_sorted(normalised(each.value) for each in content.aliases),
        title=normalised(content.title),
    )


def _sorted(values: object) -> list[str]:
    return sorted({each for each in values if each})  # type: ignore[attr-defined]


class Terms(Part):
    """What a product is found by: its values, and what the indexes hold of them.

    words     normalised values, and the title from every word on, cut to what a caller may ask
    bares     bare forms, cut alike
    trigrams  all three characters in a row of a value or bare form
    """

    values: Values
    words: list[str]
    bares: list[str]
    trigrams: list[str]


def terms_of(content: ProductContent) -> Terms:
    """The search terms of a content."""
    values = values_of(content)
    words: set[str] = set()
    bares: set[str] = set()
    whole: set[str] = set()
    for field in FIELDS:
        for value in values.of(field):
            whole.add(value)
            if field == "title":
                words.update(value[start : start + FORM_CHARACTERS_MAX] for start in word_starts(value))
            else:
                words.add(value[:FORM_CHARACTERS_MAX])
            if field in BARE_FIELDS:
                short = bare(value)
                whole.add(short)
                bares.add(short[:FORM_CHARACTERS_MAX])
    trigrams = {value[place : place + 3] for value in whole for place in range(len(value) - 2)}
    return Terms(values=values, words=sorted(words), bares=sorted(bares - {""}), trigrams=sorted(trigrams))
