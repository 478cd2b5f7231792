"""Listing the variants of a channel."""

from collections.abc import Sequence

from chassis.endpoint import Endpoints, Listed, Request
from chassis.page import Page, PageLimit
from chassis.unit import View
from chassis.values import Guid, Id, Sku, Token
from services.slc.channel.store import CHANNELS
from services.slc.variant.domain import IncludedVariant, StoredVariant, row_id_of, variant_answer
from services.slc.variant.store import VARIANTS, list_rows
from services.slc.words import VIEW, SyncState

endpoints = Endpoints("slc")


class VariantsListRequest(Request):
    channel_id: Id
    sync_state: SyncState | None = None
    variant_id: Guid | None = None
    sku: Sku | None = None
    limit: PageLimit | None = None
    next_token: Token | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        given = [name for name in ("sync_state", "variant_id", "sku") if getattr(self, name) is not None]
        return [(given[1], f"can't be combined with {given[0]}")] if len(given) > 1 else ()


class IncludedVariantList(Listed[IncludedVariant]):
    """Variants of a channel, newest added first."""


@endpoints.post("/slc", action="variants/list", roles=VIEW)
async def slc_variants_list(view: View, body: VariantsListRequest) -> IncludedVariantList:
    """List the variants on a channel's inclusion list, newest added first."""
    channel = await view.load(CHANNELS, body.channel_id)
    if body.variant_id is not None:
        page = await _the_one(view, channel.channel_id, body.variant_id)
    else:
        page = await list_rows(view, channel.channel_id, body.sync_state, body.sku, body)
    items = [variant_answer(row) for row in page.items]
    return IncludedVariantList(items=items, count=page.count, next_token=page.next_token)


async def _the_one(view: View, channel_id: str, variant_id: str) -> Page[StoredVariant]:
    row = await view.get(VARIANTS, row_id_of(channel_id, variant_id))
    found = [row] if row is not None and row.included else []
    return Page(items=found, count=len(found), next_token=None)
