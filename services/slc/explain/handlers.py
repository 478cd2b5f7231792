"""Saying why a variant is not synced."""

from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.rpc.client import Channels
from chassis.unit import Units, View
from chassis.values import Guid, Id
from services.slc.audit.domain import FieldChange
from services.slc.credential.access import ShopAccess
from services.slc.explain.changes import changes_of_next_job
from services.slc.explain.checks import checks_of
from services.slc.explain.domain import ExplainCheck, Stored
from services.slc.explain.reading import FactsReader, stored_of
from services.slc.variant.domain import IncludedVariant, variant_answer
from services.slc.words import VIEW

endpoints = Endpoints("slc")


class VariantsExplainRequest(Request):
    channel_id: Id
    variant_id: Guid


class VariantsExplainAnswer(Answer):
    variant: IncludedVariant | None
    checks: Annotated[list[ExplainCheck], Meta(min_length=10, max_length=10)]
    changes: Annotated[list[FieldChange], Meta(max_length=64)]


@endpoints.post("/slc", action="variants/explain", roles=VIEW)
async def slc_variants_explain(
    call: Call, body: VariantsExplainRequest, units: Units, access: ShopAccess, channels: Channels
) -> VariantsExplainAnswer:
    """Say what the next job of a variant would write and what stands in its way; nothing is written."""

    async def read(view: View) -> Stored:
        return await stored_of(view, body.channel_id, body.variant_id)

    stored = await units.view(call, read)
    facts = await FactsReader(units, call, access, channels, stored).facts(body.variant_id)
    row = stored.row
    return VariantsExplainAnswer(
        variant=variant_answer(row) if row is not None and row.included else None,
        checks=checks_of(facts),
        changes=changes_of_next_job(facts),
    )
