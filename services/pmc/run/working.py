"""What a step works out before its transaction: the next items, their content, the verdict and the change of each."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic

import msgspec
from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.entity import Value
from chassis.ids import new_id
from chassis.unit import SnapshotReader, Units
from services.pmc.content import CanonicalContent, canonical, changed_fields
from services.pmc.pack.build import Names, build_content, names_of
from services.pmc.pack.document import PackHeader, PackStyle, PackVariant
from services.pmc.pack.domain import ItemRef, ItemRow, StyleBody
from services.pmc.pack.store import BODIES, HEADERS, ITEMS, item_key_of, style_key_of
from services.pmc.product.domain import StoredProduct
from services.pmc.product.history import StoredRevision, canonical_of, revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS, products_of_variants
from services.pmc.profile.domain import PublishProfile
from services.pmc.profile.rules import judge
from services.pmc.run.domain import STEP_CONTENT_BYTES_MAX, RunPlan, StoredRun, range_of
from services.pmc.run.outcomes import Done, Setting, publish_item, undo_item, withdraw_item
from services.pmc.run.served import ChannelServed, served_in
from services.pmc.run.store import PLANS, lines_of, profiles_of
from services.pmc.words import RevRef

BODIES_AT_ONCE = 25
"""Styles whose JSON texts are read at a time: each may have 1 MiB."""


class PackLost(Exception):
    """The pack version can no longer be read."""


class Worked(Value):
    """The items of a step, each with what becomes of it."""

    done: list[Done]
    warnings: int
    at: Utc


class Offer(Value):
    """An item with the content that its style gives it; None where it is withdrawn."""

    n: int
    ref: ItemRef
    content: CanonicalContent | None


async def work_out(units: Units, call: Call, run: StoredRun, max_items: int, until: float, now: Utc) -> Worked:
    """The next items of a run, worked out. Raises `PackLost`.

    Ends early at the time `until` (monotonic seconds) or at 8 MiB of content, though never before the first item.
    """
    setting = Setting(run_id=run.run_id, target=run.target, actor=call.caller.actor, now=now)
    async with units.snapshot_reader(call, moment=False) as reader:
        if run.undo_of is not None:
            return await _work_out_undo(reader, run, max_items, setting)
        offers = await _next_offers(reader, run, max_items, until)
        profiles = await profiles_of(reader, run.run_id)
        products = await _products(reader, offers, profiles)
        served = await _served(reader, offers, profiles)
        done, warnings = await asyncio.to_thread(
            _judge_all, offers, profiles, products, served, setting, dry_run=run.dry_run
        )
        if not run.dry_run:
            done = await asyncio.to_thread(_compared, done, await _revisions(reader, done))
    return Worked(done=done, warnings=warnings, at=now)


async def _next_offers(reader: SnapshotReader, run: StoredRun, max_items: int, until: float) -> list[Offer]:
    plan = await reader.get(PLANS, run.run_id)
    if plan is None:
        raise PackLost
    items = await _next_items(reader, run, plan, max_items)
    header = await reader.get(HEADERS, run.store_id)
    if header is None:
        raise PackLost
    names = names_of(msgspec.json.decode(header.text, type=PackHeader))
    offers: list[Offer] = []
    size = 0
    styles = list(dict.fromkeys(item.style_id for item in items))
    place = 0
    for start in range(0, len(styles), BODIES_AT_ONCE):
        some = styles[start : start + BODIES_AT_ONCE]
        bodies = await reader.get_many(BODIES, [style_key_of(run.store_id, each) for each in some])
        if len(bodies) < len(some):
            raise PackLost
        end = place
        while end < len(items) and items[end].style_id in some:
            end += 1
        first = run.processed + place + 1
        built, size, whole = await asyncio.to_thread(
            _build_all, items[place:end], first, bodies, run.store_id, names, size, until
        )
        offers += built
        place = end
        if not whole:
            break
    return offers


async def _next_items(reader: SnapshotReader, run: StoredRun, plan: RunPlan, max_items: int) -> list[ItemRow]:
    numbers = [
        n
        for segment in range_of(plan.segments, run.processed, max_items)
        for n in range(segment.first, segment.first + segment.count)
    ]
    keys = [item_key_of(run.store_id, n) for n in numbers]
    found = await reader.get_many(ITEMS, keys)
    if len(found) < len(keys):
        raise PackLost
    return [found[key] for key in keys]


def _build_all(
    items: Sequence[ItemRow],
    first: int,
    bodies: Mapping[str, StyleBody],
    store_id: str,
    names: Names,
    size: int,
    until: float,
) -> tuple[list[Offer], int, bool]:
    """The offers of items, the content's size so far, and whether all of them were taken."""
    offers: list[Offer] = []
    styles: dict[str, tuple[PackStyle, dict[str, PackVariant]]] = {}
    for place, item in enumerate(items):
        if item.style_id not in styles:
            style = msgspec.json.decode(bodies[style_key_of(store_id, item.style_id)].text, type=PackStyle)
            styles[item.style_id] = style, {each.variant_id: each for each in style.variants}
        style, variants = styles[item.style_id]
        variant = variants[item.variant_id]
        offer = next(each for each in variant.channels if each.channel_code == item.channel_code)
        ref = ItemRef(
            style_id=item.style_id, variant_id=item.variant_id, channel_code=item.channel_code, sku=variant.sku
        )
        content = None
        if offer.status != "withdrawn":
            content = canonical(build_content(style, variant, item.channel_code, names))
            size += content.bytes
            if (offers or size > content.bytes) and (size > STEP_CONTENT_BYTES_MAX or monotonic() > until):
                return offers, size, False
        offers.append(Offer(n=first + place, ref=ref, content=content))
    return offers, size, True


async def _products(
    reader: SnapshotReader, offers: Sequence[Offer], profiles: Mapping[str, PublishProfile]
) -> dict[tuple[str, str], StoredProduct]:
    """The products of the items there are, by channel code and variant."""
    found: dict[tuple[str, str], StoredProduct] = {}
    for code, profile in profiles.items():
        variants = [each.ref.variant_id for each in offers if each.ref.channel_code == code]
        for product in await products_of_variants(reader, profile.channel_guid, variants):
            found[code, product.variant_id] = product
    return found


async def _served(
    reader: SnapshotReader, offers: Sequence[Offer], profiles: Mapping[str, PublishProfile]
) -> dict[str, ChannelServed]:
    served: dict[str, ChannelServed] = {}
    for code, profile in profiles.items():
        contents = [
            each.content.content for each in offers if each.ref.channel_code == code and each.content is not None
        ]
        if contents:
            served[code] = await served_in(reader, profile, contents)
    return served


def _judge_all(
    offers: Sequence[Offer],
    profiles: Mapping[str, PublishProfile],
    products: Mapping[tuple[str, str], StoredProduct],
    served: Mapping[str, ChannelServed],
    setting: Setting,
    *,
    dry_run: bool,
) -> tuple[list[Done], int]:
    """What becomes of each item, and how many warnings judging gave."""
    done: list[Done] = []
    warnings = 0

    def make_id() -> str:
        return new_id(setting.now)

    for offer in offers:
        ref = offer.ref
        product = products.get((ref.channel_code, ref.variant_id))
        if offer.content is None:
            done.append(withdraw_item(ref, offer.n, product, setting))
            continue
        profile = profiles[ref.channel_code]
        verdict = judge(offer.content, profile, served[ref.channel_code])
        warnings += len(verdict.warnings)
        each = publish_item(ref, offer.n, offer.content, verdict, product, profile, setting, make_id)
        if dry_run and product is None:
            each = replace(each, line=replace(each.line, product_id=None))
        if not dry_run and each.after is not None:
            served[ref.channel_code].note(each.after)
        done.append(each)
    return done, warnings


async def _revisions(reader: SnapshotReader, done: Sequence[Done]) -> dict[str, StoredRevision]:
    """The revisions that new contents, and contents served now, are held against."""
    wanted: dict[str, None] = {}
    for each in done:
        before, after = each.before, each.after
        if before is None or after is None or after == before:
            continue
        if each.content is not None:
            wanted[revision_id_of(before.product_id, before.head.rev)] = None
        if after.served != before.served:
            for ref in (before.served, after.served):
                if ref is not None and not (each.content is not None and ref == after.head):
                    wanted[revision_id_of(before.product_id, ref.rev)] = None
    return await reader.get_many(REVISIONS, list(wanted))


async def _work_out_undo(reader: SnapshotReader, run: StoredRun, max_items: int, setting: Setting) -> Worked:
    assert run.undo_of is not None
    items = await lines_of(reader, run.undo_of, run.processed + 1, min(max_items, run.remaining))
    if len(items) < min(max_items, run.remaining):
        raise PackLost
    products = await reader.get_many(PRODUCTS, [each.product_id for each in items if each.product_id is not None])
    wanted: dict[str, None] = {}
    for item in items:
        product = products.get(item.product_id or "")
        if product is not None:
            for rev in {item.line.previous_live, product.head.rev, product.live.rev if product.live else None}:
                if rev is not None:
                    wanted[revision_id_of(product.product_id, rev)] = None
    revisions = await reader.get_many(REVISIONS, list(wanted))
    done: list[Done] = []
    for item in items:
        product = products.get(item.product_id or "")
        contents: dict[int, CanonicalContent] = {}
        if product is not None:
            for rev in {item.line.previous_live, product.head.rev}:
                stored = revisions.get(revision_id_of(product.product_id, rev)) if rev is not None else None
                if stored is not None:
                    contents[stored.rev] = canonical_of(stored)
        done.append(undo_item(item.line, product, contents, setting))
    done = await asyncio.to_thread(_compared, done, revisions)
    return Worked(done=done, warnings=0, at=setting.now)


def _compared(done: Sequence[Done], revisions: Mapping[str, StoredRevision]) -> list[Done]:
    """The items, with the fields in which their contents differ from those before."""
    return [each if each.after is None or not each.changed else _with_fields(each, revisions) for each in done]


def _with_fields(done: Done, revisions: Mapping[str, StoredRevision]) -> Done:
    assert done.after is not None
    before = done.before
    revised: list[str] = []
    if done.content is not None and before is not None:
        revised = changed_fields(_text(done, before, before.head, revisions), done.content.text)
    served_before = before.served if before is not None else None
    if done.after.served == served_before:
        return replace(done, revised=revised)
    if revised and before is not None and served_before == before.head and done.after.served == done.after.head:
        return replace(done, revised=revised, shown=revised)
    old = None if before is None else _text(done, before, served_before, revisions)
    new = _text(done, done.after, done.after.served, revisions)
    return replace(done, revised=revised, shown=changed_fields(old, new or ""))


def _text(
    done: Done, product: StoredProduct, ref: RevRef | None, revisions: Mapping[str, StoredRevision]
) -> str | None:
    """The stored text of one of the product's contents; None where nothing is served."""
    if ref is None:
        return None
    if done.content is not None and done.after is not None and ref == done.after.head:
        return done.content.text
    return revisions[revision_id_of(product.product_id, ref.rev)].content
