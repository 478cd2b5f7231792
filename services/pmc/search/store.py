"""Storage of the trigram samples, one a channel. Only runs write them, and a channel has one running run at a time."""

from collections.abc import Iterable, Sequence

from chassis.entity import Entity
from chassis.unit import Change, View
from services.pmc.search.domain import TrigramSample, sampled

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


async def samples_of(view: View, channel_guids: Iterable[str]) -> dict[str, TrigramSample]:
    """The samples of channels that have one, by channel_guid. Index: id."""
    ids = {sample_id_of(view.call.orgcode, guid): guid for guid in channel_guids}
    found = await view.get_many(SAMPLES, ids)
    return {ids[sample_id]: sample for sample_id, sample in found.items()}


async def add_to_sample(change: Change, channel_guid: str, products: Sequence[Iterable[str]]) -> None:
    """Add the trigrams of some products to the channel's sample. Index: id."""
    sample_id = sample_id_of(change.call.orgcode, channel_guid)
    before = await change.get(SAMPLES, sample_id)
    after = sampled(before or TrigramSample(sample_id=sample_id), products)
    await (change.insert if before is None else change.update)(SAMPLES, after)
