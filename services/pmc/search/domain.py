"""What is known of a channel's search terms by a sample of its products.

It tells which trigram is rarest, and where the forms and ids of the channel lie, so that a search reads little more
than its page. The sample makes a search fast or slow, and never changes what it finds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import ceil

from msgspec.structs import replace

from chassis.entity import Document, Value
from services.pmc.terms import Terms

SAMPLED_EACH = 13
"""One new product in this many is sampled: some fifteen of a step."""

SAMPLED_MAX = 2_000
"""Products in a sample; then all counts are halved, so that it follows the catalogue."""

TRIGRAMS_MAX = 2_000
"""Trigrams a sample keeps, the most frequent; all others count as rare."""

MARKS_MAX = 1_024
"""Forms, bare forms and ids that a sample keeps; beyond that, every other one is dropped."""

READ_AT_ONCE = 48
"""Entries that the first read of a search aims at."""

READ_AT_MOST = 2_048
"""Entries that no read of a search exceeds by much: the bounds of a page are looked at between reads."""

_BETWEEN = "\n"
"""Separates marks. Normalised values have no line breaks."""


class Marks(Value):
    """Some of the values of an index, ascending, `each` entries apart on average."""

    text: str = ""
    each: int = SAMPLED_EACH

    @property
    def values(self) -> list[str]:
        """The values."""
        return self.text.split(_BETWEEN) if self.text else []


class TrigramSample(Document):
    """The trigrams of some products of a channel, the most frequent first, and beside each how many hold it.

    Not a mapping: a trigram may have a full stop or a dollar sign, which names of stored fields should not.
    """

    sample_id: str
    orgcode: str = ""
    products: int = 0
    trigrams: Sequence[str] = ()
    holders: Sequence[int] = ()
    words: Marks = Marks()
    bares: Marks = Marks()
    ids: Marks = Marks()

    @property
    def counts(self) -> dict[str, int]:
        """How many products of the sample hold each trigram."""
        return dict(zip(self.trigrams, self.holders, strict=True))


class Known:
    """A sample, ready to be asked; without one, of a channel of which nothing is known."""

    def __init__(self, sample: TrigramSample | None) -> None:
        self._sample = sample or TrigramSample(sample_id="")

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many products of the sample hold each trigram."""
        return self._sample.counts

    @cached_property
    def words(self) -> "Scale":
        """Where the channel's forms lie."""
        return Scale(self._sample.words)

    @cached_property
    def bares(self) -> "Scale":
        """Where its bare forms lie."""
        return Scale(self._sample.bares)

    @cached_property
    def ids(self) -> "Scale":
        """Where the ids of its products lie."""
        return Scale(self._sample.ids)

    def rarest(self, trigrams: Sequence[str]) -> str | None:
        """The trigram that fewest products are likely to hold: by the sample, else one with digits or rare letters."""
        return min(trigrams, key=lambda each: (self.counts.get(each, 0), _commonness(each)), default=None)

    def share_with(self, trigram: str | None) -> float:
        """The share of products that hold a trigram, or of all products."""
        if trigram is None or not self._sample.products:
            return 1.0
        return max(self.counts.get(trigram, 0), 1) / self._sample.products


class Scale:
    """The marks of an index, ready to be asked."""

    def __init__(self, marks: Marks) -> None:
        self.values = marks.values
        self.each = marks.each

    @property
    def entries(self) -> int:
        """About how many entries the index has."""
        return len(self.values) * self.each

    def step(self, share: float = 1.0) -> int:
        """How many marks the first read of a search spans, if so large a share of the entries is wanted."""
        return max(1, ceil(READ_AT_ONCE / (self.each * share)))

    def step_behind(self, step: int, share: float = 1.0) -> int:
        """How many marks the read after one of `step` marks spans: twice as many, up to a limit."""
        return min(2 * step, max(1, ceil(READ_AT_MOST / (self.each * share))))


def sampled(sample: TrigramSample, products: Sequence[tuple[str, Terms]]) -> TrigramSample:
    """The sample with further products, each with its id, in the order of their ids."""
    counts = Counter(sample.counts)
    for _, terms in products:
        counts.update(terms.trigrams)
    total = sample.products + len(products)
    if total > SAMPLED_MAX:
        total //= 2
        counts = Counter({trigram: count // 2 for trigram, count in counts.items() if count > 1})
    kept = counts.most_common(TRIGRAMS_MAX)
    return replace(
        sample,
        products=total,
        trigrams=[trigram for trigram, _ in kept],
        holders=[count for _, count in kept],
        words=_marked(sample.words, [form for _, terms in products for form in terms.words]),
        bares=_marked(sample.bares, [form for _, terms in products for form in terms.bares]),
        ids=_marked(sample.ids, [product_id for product_id, _ in products]),
    )


def _marked(marks: Marks, values: Sequence[str]) -> Marks:
    """The marks with those of further values whose turn it is."""
    each = marks.each
    # The place of the first one varies with the values, or else the first of every step would be taken.
    stride = each // SAMPLED_EACH
    start = len(values) * 7 % stride
    kept = sorted([*marks.values, *values[start::stride]])
    while len(kept) > MARKS_MAX:
        kept, each = kept[1::2], each * 2
    return Marks(text=_BETWEEN.join(kept), each=each)


_COMMON = {character: 20 - place for place, character in enumerate("etaoinsrhldcumfpg")}


def _commonness(trigram: str) -> int:
    return sum(_COMMON.get(character, 1) for character in trigram)
