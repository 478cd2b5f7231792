"""The endpoints that show counts. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import View
from chassis.values import Guid, Id
from services.ics.count.domain import Count, CountStatus
from services.ics.count.heads import CountHead, head_of, wanted_of
from services.ics.count.store import COUNTS, list_counts
from services.ics.words import READ

endpoints = Endpoints("ics", "/count")


class CountEnvelope(Answer):
    count: Count


class CountGetRequest(Request):
    count_id: Id


@endpoints.post("/get", roles=READ)
async def ics_count_get(view: View, body: CountGetRequest) -> CountEnvelope:
    """Show a count with its lines; a blind one without what was expected, until it is submitted."""
    return CountEnvelope(count=await view.load(COUNTS, body.count_id))


class CountListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    status: CountStatus | None = None
    plan_id: Id | None = None
    variant_id: Guid | None = None
    zone_id: Id | None = None


class CountListEnvelope(Listed[CountHead]):
    """One page of counts."""


@endpoints.post("/list", roles=READ)
async def ics_count_list(view: View, body: CountListRequest) -> CountListEnvelope:
    """List counts without their lines, newest first; with status submitted, what waits for approval."""
    wanted = wanted_of(body.logical_guid, body.status, body.plan_id, body.variant_id, body.zone_id)
    page = await list_counts(view, wanted, body)
    heads = [head_of(summary) for summary in page.items]
    return CountListEnvelope(items=heads, count=page.count, next_token=page.next_token)
