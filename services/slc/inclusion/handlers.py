"""Adding variants to a channel's inclusion list and taking them off it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.entity import Value
from chassis.errors import Conflict
from chassis.unit import Change
from chassis.values import Count, Guid, Id
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS, channel_answer
from services.slc.closing.store import refused_while_emptied
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.variant.domain import StoredVariant, new_variant, returned, twice
from services.slc.variant.store import rows_of, save_rows
from services.slc.words import BATCH_VARIANTS_MAX, MANAGE, VARIANTS_MAX

endpoints = Endpoints("slc")

VariantIds = Annotated[list[Guid], Meta(min_length=1, max_length=BATCH_VARIANTS_MAX)]


class BatchItem(Value):
    """What became of one variant of a call."""

    variant_id: Guid
    result: Literal["added", "present", "removed", "absent", "enqueued", "coalesced", "not_included"]


class VariantBatch(Request):
    """A call that names variants of a channel, each once."""

    channel_id: Id
    variant_ids: VariantIds

    def problems(self) -> Sequence[tuple[str, str]]:
        double = twice(self.variant_ids)
        return [("variant_ids", f"names {double} twice")] if double is not None else ()


class VariantsAddRequest(VariantBatch):
    pass


class VariantsAddAnswer(Answer):
    items: list[BatchItem]
    added: Count
    present: Count


@endpoints.post(
    "/slc",
    action="variants/add",
    roles=MANAGE,
    idempotent=True,
    emits=["slc.variants.added"],
    refusals={
        "validation-error": "a variant_id occurs twice",
        "conflict": "the list would pass 1 000 000 variants",
    },
)
@refused_while_emptied
async def slc_variants_add(call: Call, change: Change, body: VariantsAddRequest) -> VariantsAddAnswer:
    """Add variants to a channel's inclusion list."""
    change.own_transaction()
    channel = await change.load(CHANNELS, body.channel_id)
    known = await rows_of(change, channel.channel_id, body.variant_ids)
    new = [each for each in body.variant_ids if each not in known or not known[each].included]
    tally = (await channel_answer(change, channel)).variants
    if tally.included + len(new) > VARIANTS_MAX:
        raise Conflict(f"the list would pass {VARIANTS_MAX} variants", included=tally.included)
    pairs = [(known.get(each), _listed(change, channel, known.get(each), each, call.caller.actor)) for each in new]
    rows = await save_rows(change, pairs)
    await note(change, channel, rows, Reason(cause="included"))
    if new:
        change.emit(
            "slc.variants.added",
            channel.channel_id,
            revision=channel.revision,
            channel_id=channel.channel_id,
            variant_ids=new,
        )
    items = [BatchItem(variant_id=each, result="added" if each in set(new) else "present") for each in body.variant_ids]
    return VariantsAddAnswer(items=items, added=len(new), present=len(items) - len(new))


def _listed(
    change: Change, channel: StoredChannel, known: StoredVariant | None, variant_id: str, actor: str
) -> StoredVariant:
    if known is None:
        return new_variant(channel.channel_id, variant_id, change.now, actor)
    return returned(known, change.now, actor)


class VariantsRemoveRequest(VariantBatch):
    pass


class VariantsRemoveAnswer(Answer):
    items: list[BatchItem]
    removed: Count
    absent: Count


@endpoints.post(
    "/slc",
    action="variants/remove",
    roles=MANAGE,
    idempotent=True,
    emits=["slc.variants.removed"],
    refusals={"validation-error": "a variant_id occurs twice"},
)
@refused_while_emptied
async def slc_variants_remove(change: Change, body: VariantsRemoveRequest) -> VariantsRemoveAnswer:
    """Take variants off a channel's inclusion list; in an open channel a job carries out `on_remove`."""
    change.own_transaction()
    channel = await change.load(CHANNELS, body.channel_id)
    known = await rows_of(change, channel.channel_id, body.variant_ids)
    gone = [known[each] for each in body.variant_ids if each in known and known[each].included]
    pairs = [(row, replace(row, included=False, last_error=None)) for row in gone]
    await save_rows(change, pairs)
    await note(change, channel, [row for _, row in pairs], Reason(cause="removed", lane="fast"))
    removed = {row.variant_id for row in gone}
    if removed:
        change.emit(
            "slc.variants.removed",
            channel.channel_id,
            revision=channel.revision,
            channel_id=channel.channel_id,
            variant_ids=[row.variant_id for row in gone],
        )
    items = [BatchItem(variant_id=each, result="removed" if each in removed else "absent") for each in body.variant_ids]
    return VariantsRemoveAnswer(items=items, removed=len(removed), absent=len(items) - len(removed))
