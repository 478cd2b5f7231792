"""What every new promise starts with: the item, what rules it, whatever is overdue out of the way, and the limit."""

from typing import NamedTuple, Protocol

from chassis.unit import Change, want
from services.ics.holdback.domain import held_back
from services.ics.holdback.store import HOLDBACKS, item_keys
from services.ics.ledger.balance import Page, item_id_of
from services.ics.ledger.books import Books
from services.ics.ledger.lapse import lapse_overdue
from services.ics.ledger.post import open_books, operation
from services.ics.ledger.store import ITEMS
from services.ics.policy.domain import PolicyValues, effective, scope_keys
from services.ics.policy.store import POLICIES, ruling
from services.ics.reservation.domain import promisable_now
from services.ics.stock.floor import open_item
from services.ics.words import DocumentType


class Opening(NamedTuple):
    """An item ready for a promise, the policy that rules it, and how many units may be asked for."""

    books: Books
    page: Page
    policy: PolicyValues
    limit: int


async def open_to_promise(change: Change, variant_id: str) -> Opening:
    """Open the variant in the call's facility for a promise on the call's channel."""
    facility, channel = change.call.logical_guid, change.call.channel_code
    item = (facility, variant_id)
    withheld = item_keys([item], channel)
    # What the policies' look-up misses first is loaded together with these: one round for all.
    change.expect(
        want(ITEMS, [item_id_of(change.call.orgcode, facility, variant_id)]), want(HOLDBACKS, withheld, by="item")
    )
    stored = await change.lookup_many(POLICIES, "scope", scope_keys(variant_id, facility))
    policy, _ = effective(stored, variant_id, facility)
    books, page = await _opened(change, variant_id)
    holdbacks = await change.lookup_many(HOLDBACKS, "item", withheld)
    kept_back = held_back(holdbacks.values(), channel, change.now)
    return Opening(books, page, policy, promisable_now(page, policy, kept_back, books.today))


async def open_to_pass_on(change: Change, variant_id: str) -> tuple[Books, Page, PolicyValues]:
    """Open the variant in the call's facility, whatever is overdue out of the way, for a promise made from another."""
    policy, _ = await ruling(change, variant_id, change.call.logical_guid)
    return *await _opened(change, variant_id), policy


async def _opened(change: Change, variant_id: str) -> tuple[Books, Page]:
    books = open_books(change)
    page = await open_item(change, books, variant_id)
    await lapse_overdue(change, books, page)
    return books, page


class Promised(Protocol):
    """What reservations, allocations and commits have in common."""

    @property
    def variant_id(self) -> str: ...
    @property
    def channel_code(self) -> str: ...


async def open_promise(
    change: Change, document: DocumentType, document_id: str, promised: Promised, reason: str | None = None
) -> tuple[Books, Page]:
    """Open the item a promise is of, for an operation on that promise."""
    books = open_books(change)
    page = await open_item(change, books, promised.variant_id)
    books.begin(operation(change, document, document_id, channel_code=promised.channel_code, reason=reason))
    return books, page
