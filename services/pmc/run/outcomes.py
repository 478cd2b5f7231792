"""What a run does with one item: the tables of outcomes as functions from a product to a product."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Value
from services.pmc.content import CanonicalContent
from services.pmc.pack.domain import ItemRef
from services.pmc.product.domain import (
    UNDONE,
    UNPUBLISHABLE,
    WITHDRAWN,
    PointerRef,
    Pointers,
    StoredProduct,
    go_live,
    index_of,
    judged,
    put_online,
    reindexed,
    take_offline,
)
from services.pmc.profile.domain import PublishProfile
from services.pmc.profile.rules import Verdict
from services.pmc.run.domain import Target
from services.pmc.run.manifest_records import ManifestLine
from services.pmc.words import Finding, Outcome, RevRef


class Setting(Value):
    """What all items of a step have in common."""

    run_id: str
    target: Target
    actor: str
    now: Utc


class Done(Value):
    """What became of one item: the product as it is then, and the manifest line.

    before        the product as the step read it; None where there was none
    after         the product after the item; None where there is none
    content       the content a new revision has; None where no revision is written
    approves      whether the head's revision is found publishable for the first time
    revised       the fields in which a new revision differs from the one before
    shown         the fields in which the served content differs from that served before
    """

    before: StoredProduct | None
    after: StoredProduct | None
    line: ManifestLine
    content: CanonicalContent | None = None
    approves: bool = False
    revised: Sequence[str] = ()
    shown: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        """Whether anything a caller sees of the product changed."""
        return self.after != self.before


def publish_item(
    item: ItemRef,
    n: int,
    content: CanonicalContent,
    verdict: Verdict,
    product: StoredProduct | None,
    profile: PublishProfile,
    setting: Setting,
    new_id: Callable[[], str],
) -> Done:
    """What a run does with an active item; `new_id` makes the product's id where there is none yet."""
    before = product
    is_new = product is None or product.head.rev_id != content.rev_id
    if product is None:
        product = _created(content, verdict, profile, setting, new_id())
    elif is_new:
        product = replace(product, head=RevRef(rev=product.head.rev + 1, rev_id=content.rev_id))
    product = judged(product, verdict)
    moves = _live if setting.target == "live" else _staged
    product, moved = moves(product, verdict, profile, setting)
    product = reindexed(product, content.content)
    outcome: Outcome
    if not verdict.publishable:
        outcome = "blocked"
    elif before is None:
        outcome = "created"
    elif is_new:
        outcome = "updated"
    else:
        outcome = "promoted" if moved else "unchanged"
    product = _stamped(before, product, setting)
    approves = not is_new and verdict.publishable and before is not None and not before.publishable
    line = _line(item, n, before, product, outcome, verdict)
    return Done(before=before, after=product, line=line, content=content if is_new else None, approves=approves)


def withdraw_item(item: ItemRef, n: int, product: StoredProduct | None, setting: Setting) -> Done:
    """What a run does with a withdrawn item."""
    after = product
    if product is not None and setting.target == "live" and product.online_state == "online":
        after = _stamped(product, take_offline(product, WITHDRAWN, setting.now), setting)
    line = _line(item, n, product, after, "withdrawn", _stored_verdict(after))
    return Done(before=product, after=after, line=line)


def undo_item(
    line: ManifestLine, product: StoredProduct | None, revisions: Mapping[int, CanonicalContent], setting: Setting
) -> Done:
    """What an undo run does with an item of the run it undoes. `revisions` holds contents that may be shown again."""
    item = ItemRef(style_id=line.style_id, variant_id=line.variant_id, channel_code=line.channel_code, sku=line.sku)
    if product is None:
        return Done(before=None, after=None, line=_line(item, line.n, None, None, "unchanged", _stored_verdict(None)))
    after, outcome = product, "unchanged"
    moved_live = line.outcome in {"created", "updated", "promoted"}
    if moved_live and product.live is not None and product.live.rev == line.rev:
        if line.previous_live is None:
            after, outcome = go_live(product, None, setting.now), "withdrawn"
        else:
            ref = RevRef(rev=line.previous_live, rev_id=revisions[line.previous_live].rev_id)
            after, outcome = go_live(product, ref, setting.now), "promoted"
            after = replace(after, pointers=product.pointers)
    after = _online_undone(line, after, setting)
    if after.indexed.rev != after.shown.rev:
        after = reindexed(after, revisions[after.shown.rev].content)
    after = _stamped(product, after, setting)
    return Done(
        before=product,
        after=after,
        line=_line(item, line.n, product, after, _OUTCOMES[outcome], _stored_verdict(after)),
    )


_OUTCOMES: Mapping[str, Outcome] = {"unchanged": "unchanged", "withdrawn": "withdrawn", "promoted": "promoted"}


def _online_undone(line: ManifestLine, product: StoredProduct, setting: Setting) -> StoredProduct:
    """The product with the online state from before the item, where nobody has changed it since."""
    left, found = line.online_state or "offline", line.previous_online or "offline"
    state = product.online_state
    if left != found and state == left and not product.held:
        state = found
    if product.served is None:
        state = "offline"
    if state == product.online_state:
        return product
    if state == "online":
        return put_online(product, None, setting.now)
    return take_offline(product, UNDONE, setting.now)


def _created(
    content: CanonicalContent, verdict: Verdict, profile: PublishProfile, setting: Setting, product_id: str
) -> StoredProduct:
    return StoredProduct(
        product_id=product_id,
        channel_guid=profile.channel_guid,
        channel_code=profile.channel_code,
        style_id=content.content.style_id,
        variant_id=content.content.variant_id,
        online_state="offline",
        online_changed_utc=setting.now,
        held=False,
        publishable=verdict.publishable,
        reasons=verdict.reasons,
        warnings=verdict.warnings,
        quality_score=verdict.quality_score,
        head=RevRef(rev=1, rev_id=content.rev_id),
        pointers=Pointers(),
        last_run_id=setting.run_id,
        lives=[],
        indexed=index_of(content.content, 1),
    )


def _live(
    product: StoredProduct, verdict: Verdict, profile: PublishProfile, setting: Setting
) -> tuple[StoredProduct, bool]:
    """The product after a live run has judged its head, and whether live moved."""
    if not verdict.publishable:
        if product.online_state == "online" and profile.on_unpublishable == "take_offline":
            product = take_offline(product, UNPUBLISHABLE, setting.now)
        return product, False
    moved = product.live != product.head
    product = go_live(product, product.head, setting.now)
    if profile.auto_online and product.online_state == "offline" and not product.held:
        product = put_online(product, None, setting.now)
    return product, moved


def _staged(
    product: StoredProduct, verdict: Verdict, _profile: PublishProfile, setting: Setting
) -> tuple[StoredProduct, bool]:
    """The product after a staged run has judged its head, and whether the staged pointer moved or went."""
    if not verdict.publishable:
        return product, False
    staged = product.pointers.staged
    if product.live == product.head:
        return replace(product, pointers=replace(product.pointers, staged=None)), staged is not None
    if staged is not None and staged.rev == product.head.rev:
        return product, False
    ref = PointerRef(rev=product.head.rev, rev_id=product.head.rev_id, set_utc=setting.now, set_by=setting.actor)
    return replace(product, pointers=replace(product.pointers, staged=ref)), True


def _stamped(before: StoredProduct | None, after: StoredProduct, setting: Setting) -> StoredProduct:
    """The product with the run named as the last that changed it, if it did."""
    return after if after == before else replace(after, last_run_id=setting.run_id)


def _stored_verdict(product: StoredProduct | None) -> Verdict | None:
    if product is None:
        return None
    return Verdict(reasons=product.reasons, warnings=product.warnings, quality_score=product.quality_score)


def _line(
    item: ItemRef,
    n: int,
    before: StoredProduct | None,
    after: StoredProduct | None,
    outcome: Outcome,
    verdict: Verdict | None,
) -> ManifestLine:
    served = after.served if after is not None else None
    nothing: list[Finding] = []
    return ManifestLine(
        n=n,
        style_id=item.style_id,
        variant_id=item.variant_id,
        sku=item.sku,
        channel_code=item.channel_code,
        product_id=after.product_id if after is not None else None,
        outcome=outcome,
        rev=after.head.rev if after is not None else None,
        rev_id=after.head.rev_id if after is not None else None,
        previous_rev=before.head.rev if before is not None else None,
        previous_live=before.live.rev if before is not None and before.live is not None else None,
        previous_online=before.online_state if before is not None else None,
        served_rev=served.rev if served is not None else None,
        publishable=verdict.publishable if verdict is not None else False,
        quality_score=verdict.quality_score if verdict is not None else 0,
        reasons=verdict.reasons if verdict is not None else nothing,
        warnings=verdict.warnings if verdict is not None else nothing,
        online_state=after.online_state if after is not None else None,
    )
