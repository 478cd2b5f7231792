"""Products: one variant in one channel. What is newest, live and served of it, and whether it is online.

Everything here is a value made from a value; `revision` and the stamps are the engine's.
"""

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Record
from chassis.errors import InvalidState
from chassis.values import Code, Name
from chassis.values import Utc as UtcText
from services.pmc.content import ProductContent
from services.pmc.profile.rules import Verdict
from services.pmc.rollup.domain import Counted, Dimension
from services.pmc.terms import Terms, terms_of
from services.pmc.words import (
    Finding,
    NodeRef,
    OnlineState,
    Part,
    Pointer,
    Price,
    Rev,
    RevId,
    RevRef,
    ServedBy,
    VendorRef,
    ViewName,
)

FINDINGS_MAX = 166
LIVE_KEPT_SECONDS = 31 * 24 * 3600
"""A revision that was live is not pruned for this long, because an undo may make it live again."""

WITHDRAWN = "WITHDRAWN"
UNPUBLISHABLE = "UNPUBLISHABLE"
UNDONE = "UNDONE"

Findings = Annotated[list[Finding], Meta(max_length=FINDINGS_MAX)]


class PointerRef(Part):
    """A revision that a pointer names, and who set it when and why."""

    rev: Rev
    rev_id: RevId
    set_utc: UtcText
    set_by: Name
    reason_code: Code | None = None


class Pointers(Part):
    """The pointers that are set."""

    staged: PointerRef | None = None
    preview: PointerRef | None = None
    fallback: PointerRef | None = None


class LiveSpan(Part):
    """A revision that was live until a time."""

    rev: int
    until_utc: Utc


class Indexed(Part):
    """What lists, groups and search know of the served content, or of the head while nothing is served."""

    rev: int
    style_code: str
    variant_code: str
    sku: str
    sku_key: str
    title: str
    price: Price | None = None
    image_url: str | None = None
    handle: str | None = None
    vendor: VendorRef | None = None
    category: NodeRef | None = None
    department: NodeRef | None = None
    division: NodeRef | None = None
    barcodes: list[str]
    identifiers: list[str]
    aliases: list[str]
    terms: Terms


def served_of(live: RevRef | None, fallback: PointerRef | None) -> RevRef | None:
    """What is served of a product: the fallback if it is set, else the live revision."""
    return RevRef(rev=fallback.rev, rev_id=fallback.rev_id) if fallback is not None else live


class ProductState(Record, omit_defaults=True):
    """What is newest, live, served and pointed at of a product, and whether it is online."""

    product_id: str
    channel_guid: str
    channel_code: str
    style_id: str
    variant_id: str
    online_state: OnlineState
    online_changed_utc: Utc
    online_reason_code: str | None = None
    held: bool
    first_online_utc: Utc | None = None
    publishable: bool
    reasons: list[Finding]
    warnings: list[Finding]
    quality_score: int
    head: RevRef
    live: RevRef | None = None
    live_since_utc: Utc | None = None
    pointers: Pointers
    last_run_id: str

    @property
    def served(self) -> RevRef | None:
        """The revision that is served: the fallback's if set, else the live one."""
        return served_of(self.live, self.pointers.fallback)

    @property
    def served_by(self) -> ServedBy | None:
        """Whether the served revision is the fallback or the live one; None if nothing is served."""
        if self.pointers.fallback is not None:
            return "fallback"
        return "live" if self.live is not None else None

    @property
    def shown(self) -> RevRef:
        """The revision whose content is indexed: the served one, or the head."""
        return self.served or self.head


class StoredProduct(ProductState, omit_defaults=True):
    """A product as it is stored: with what is indexed of it, and the revisions that were live."""

    lives: list[LiveSpan]
    indexed: Indexed


def view_revision(product: ProductState, view: ViewName) -> int:
    """The revision a view shows."""
    pointers = product.pointers
    match view:
        case "head":
            return product.head.rev
        case "preview" if pointers.preview is not None:
            return pointers.preview.rev
        case "preview" | "staged" if pointers.staged is not None:
            return pointers.staged.rev
    return product.shown.rev


def index_of(content: ProductContent, rev: int) -> Indexed:
    """What lists, groups and search know of a content."""
    return Indexed(
        rev=rev,
        style_code=content.style_code,
        variant_code=content.variant_code,
        sku=content.sku,
        sku_key=content.sku.casefold(),
        title=content.title,
        price=content.price,
        image_url=next((each.url for each in content.media if each.kind == "image"), None),
        handle=content.handle,
        vendor=content.vendor,
        category=content.category,
        department=content.department,
        division=content.division,
        barcodes=[each.value for each in content.barcodes],
        identifiers=[pair_key(each.type, each.value) for each in content.identifiers],
        aliases=[pair_key(each.tag, each.value) for each in content.aliases],
        terms=terms_of(content),
    )


def pair_key(kind: str, value: str) -> str:
    """How an identifier or alias is found: its type or tag, which holds no blank, and its value."""
    return f"{kind} {value}"


def reindexed(product: StoredProduct, content: ProductContent) -> StoredProduct:
    """The product with the index of its shown revision's content."""
    if product.indexed.rev == product.shown.rev:
        return product
    return replace(product, style_id=content.style_id, indexed=index_of(content, product.shown.rev))


def counted(product: StoredProduct) -> Counted:
    """What of the product counts in roll-ups."""
    indexed = product.indexed
    values: dict[Dimension, tuple[str, str | None]] = {"style": (product.style_id, None)}
    if indexed.vendor is not None:
        values["vendor"] = (indexed.vendor.vendor_id, indexed.vendor.name)
    if indexed.category is not None:
        values["category"] = (indexed.category.node_id, indexed.category.name)
    if indexed.department is not None:
        values["department"] = (indexed.department.node_id, indexed.department.name)
    if indexed.division is not None:
        values["division"] = (indexed.division.node_id, indexed.division.name)
    return Counted(
        channel_guid=product.channel_guid,
        channel_code=product.channel_code,
        online=product.online_state == "online",
        publishable=product.publishable,
        pinned=product.pointers.fallback is not None,
        values=values,
    )


def judged(product: StoredProduct, verdict: Verdict) -> StoredProduct:
    """The product with the verdict on its head."""
    return replace(
        product,
        publishable=verdict.publishable,
        reasons=verdict.reasons,
        warnings=verdict.warnings,
        quality_score=verdict.quality_score,
    )


def go_live(product: StoredProduct, ref: RevRef | None, now: Utc) -> StoredProduct:
    """The product with this revision live, or none. A staged pointer to it is cleared."""
    if product.live == ref:
        return product
    lives = product.lives
    if lives:
        oldest = later(now, -LIVE_KEPT_SECONDS)
        lives = [each for each in lives if each.until_utc > oldest]
    if product.live is not None:
        span = LiveSpan(rev=product.live.rev, until_utc=now)
        lives = [*(each for each in lives if each.rev != product.live.rev), span]
    pointers = product.pointers
    if ref is not None and pointers.staged is not None and pointers.staged.rev == ref.rev:
        pointers = replace(pointers, staged=None)
    return replace(product, live=ref, live_since_utc=now if ref is not None else None, lives=lives, pointers=pointers)


def put_online(product: StoredProduct, reason_code: str | None, now: Utc) -> StoredProduct:
    """The product online, and no longer held."""
    return replace(
        product,
        online_state="online",
        online_changed_utc=now,
        online_reason_code=reason_code,
        first_online_utc=product.first_online_utc or now,
        held=False,
    )


def take_offline(product: StoredProduct, reason_code: str | None, now: Utc) -> StoredProduct:
    """The product offline; `held` is unchanged."""
    return replace(product, online_state="offline", online_changed_utc=now, online_reason_code=reason_code)


def set_online_by_person(product: StoredProduct, reason_code: str | None, now: Utc) -> StoredProduct:
    """online/set. Raises `InvalidState` if nothing is served or the product is not publishable."""
    if product.online_state == "online":
        return product
    if product.served is None or not product.publishable:
        message = "nothing is served" if product.publishable else "the product is not publishable"
        raise InvalidState(message, reasons=product.reasons)
    return put_online(product, reason_code, now)


def clear_online_by_person(product: StoredProduct, reason_code: str | None, now: Utc) -> StoredProduct:
    """online/clear: offline and held. Unchanged where it is held already."""
    if product.held:
        return product
    if product.online_state == "offline":
        return replace(product, held=True, online_reason_code=reason_code)
    return replace(take_offline(product, reason_code, now), held=True)


def set_pointer(product: StoredProduct, pointer: Pointer, ref: PointerRef) -> StoredProduct:
    """The product with a pointer set; unchanged where it points there already."""
    known: PointerRef | None = getattr(product.pointers, pointer)
    if known is not None and (known.rev, known.rev_id) == (ref.rev, ref.rev_id):
        return product
    return replace(product, pointers=replace(product.pointers, **{pointer: ref}))


def clear_pointer(product: StoredProduct, pointer: Pointer) -> StoredProduct:
    """The product without a pointer. If nothing is served then, the caller must take it offline."""
    if getattr(product.pointers, pointer) is None:
        return product
    return replace(product, pointers=replace(product.pointers, **{pointer: None}))
