"""The availability endpoint. The contract's ics.yaml specifies it."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chassis.endpoint import Answer, Endpoints, Request
from chassis.unit import View
from chassis.values import Code, Date, Guid, Utc
from services.ics.atp.domain import AtpItem
from services.ics.atp.reading import FACILITIES_MAX, atp_of, facilities_of
from services.ics.words import READ

endpoints = Endpoints("ics", "/atp")

VARIANTS_MAX = 100


class AtpQueryRequest(Request):
    variant_ids: Annotated[list[Guid], Meta(min_length=1, max_length=VARIANTS_MAX)]
    logical_guids: Annotated[list[Guid], Meta(min_length=1, max_length=FACILITIES_MAX)] | None = None
    channel_code: Code | None = None
    by_date: Date | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        lists = {"variant_ids": self.variant_ids, "logical_guids": self.logical_guids or []}
        return [(name, "names one more than once") for name, each in lists.items() if len(set(each)) < len(each)]


class AtpQueryEnvelope(Answer):
    items: list[AtpItem]
    channel_code: Code | None
    by_date: Date | None
    as_of_utc: Utc


@endpoints.post("/query", roles=READ, snapshot=True)
async def ics_atp_query(view: View, body: AtpQueryRequest) -> AtpQueryEnvelope:
    """Return the units that can be promised and the terms they follow from, as of one snapshot."""
    here = view.call.facility
    named = body.logical_guids or ([here] if here is not None else None)
    asked = await facilities_of(view, body.variant_ids, named)
    items = await atp_of(view, asked, body.channel_code, body.by_date)
    return AtpQueryEnvelope(items=items, channel_code=body.channel_code, by_date=body.by_date, as_of_utc=view.now)
