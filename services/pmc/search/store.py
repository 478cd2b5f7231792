"""Storage of the trigram samples, one a channel. Only runs write them, and a channel has one running run at a time."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from time import monotonic

from chassis.entity import Entity
from chassis.resource import resource
from chassis.unit import Change, View
from services.pmc.search.domain import Known, TrigramSample, sampled
from services.pmc.terms import Terms

KEPT_SECONDS = 10.0
KEPT_MAX = 1_024
"""Samples that a process keeps."""

SAMPLES = Entity(
    "trigram_sample",
    TrigramSample,
    collection="pmc_trigram_samples",
    id="sample_id",
    shard_key=("orgcode",),
    history=False,
    technical=True,
)


def sample_id_of(orgcode: str, channel_guid: str) -> str:
    """The id of a channel's sample."""
    return f"{orgcode}/{channel_guid}"


async def add_to_sample(change: Change, channel_guid: str, products: Sequence[tuple[str, Terms]]) -> None:
    """Add some products, by id and terms, to the channel's sample. Index: id."""
    sample_id = sample_id_of(change.call.orgcode, channel_guid)
    before = await change.get(SAMPLES, sample_id)
    after = sampled(before or TrigramSample(sample_id=sample_id), products)
    await (change.insert if before is None else change.update)(SAMPLES, after)


class KnownSamples:
    """The samples of channels, as they were read at most `KEPT_SECONDS` ago."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, Known]] = OrderedDict()

    async def of(self, view: View, channel_guids: Iterable[str]) -> dict[str, Known]:
        """What is known of these channels, by channel_guid. Index: id."""
        ids = {sample_id_of(view.call.orgcode, guid): guid for guid in channel_guids}
        oldest = monotonic() - KEPT_SECONDS
        stale = [each for each in ids if each not in self._known or self._known[each][0] < oldest]
        if stale:
            found = await view.get_many(SAMPLES, stale)
            now = monotonic()
            for each in stale:
                self._known[each] = (now, Known(found.get(each)))
                self._known.move_to_end(each)
        known = {guid: self._known[each][1] for each, guid in ids.items()}
        while len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)
        return known


@resource
async def known_samples() -> AsyncIterator[KnownSamples]:
    """The samples that searches of this process go by."""
    yield KnownSamples()
