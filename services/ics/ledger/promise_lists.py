"""What the lists of reservations, allocations and commits have in common."""

from typing import TypeVar

from chassis.endpoint import Request
from chassis.entity import Document, Entity
from chassis.page import Page, PageRequest
from chassis.unit import View
from chassis.values import Code, Guid
from services.ics.keyed import KeyedFilters, keyed_page

P = TypeVar("P", bound=Document)

_NO_FILTERS = frozenset(PageRequest.__struct_fields__)


class PromiseListRequest(Request, PageRequest):
    """The filters of every list of promises; a subclass adds its own, named as the fields of its promises."""

    logical_guid: Guid | None = None
    channel_code: Code | None = None
    variant_id: Guid | None = None


async def promise_page(
    view: View, entity: Entity[P], filters: KeyedFilters, body: PromiseListRequest, **earlier: str
) -> Page[P]:
    """A page of promises, newest first. `earlier`: field of the request with a time -> promise field that is to be
    earlier. Index: keys."""
    wanted = {
        name: getattr(body, name) for name in body.__struct_fields__ if name not in _NO_FILTERS and name not in earlier
    }
    times = {field: getattr(body, name) for name, field in earlier.items()}
    return await keyed_page(view, entity, filters, wanted, body, earlier=times)
