"""How frequent trigrams are in a channel, estimated from a sample of its products.

A search reads the products that hold its rarest trigram. The estimate decides which one that is, so it makes a search
fast or slow, and never changes what it finds.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from chassis.entity import Document

SAMPLED_EACH = 13
"""One of so many new products is sampled: some fifteen of a step."""

SAMPLED_MAX = 2_000
"""Products in a sample; then all counts are halved, so that it follows the catalogue."""

TRIGRAMS_MAX = 2_000
"""Trigrams a sample keeps, the most frequent; all others count as rare."""


class TrigramSample(Document):
    """The trigrams of some products of a channel, the most frequent first, and beside each how many hold it.

    Not a mapping: a trigram may have a full stop or a dollar sign, which names of stored fields should not.
    """

    sample_id: str
    orgcode: str = ""
    products: int = 0
    trigrams: Sequence[str] = ()
    holders: Sequence[int] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many products of the sample hold each trigram."""
        return dict(zip(self.trigrams, self.holders, strict=True))


def sampled(sample: TrigramSample, products: Sequence[Iterable[str]]) -> TrigramSample:
    """The sample with the trigrams of further products."""
    counts = Counter(sample.counts)
    for trigrams in products:
        counts.update(set(trigrams))
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
    )


def rarest(trigrams: Sequence[str], sample: TrigramSample | None) -> str | None:
    """The trigram that fewest products are likely to hold: by the sample, else one with digits or rare letters."""
    known = sample.counts if sample is not None else {}
    return min(trigrams, key=lambda each: (known.get(each, 0), _commonness(each)), default=None)


_COMMON = {character: 20 - place for place, character in enumerate("etaoinsrhldcumfpg")}


def _commonness(trigram: str) -> int:
    return sum(_COMMON.get(character, 1) for character in trigram)
