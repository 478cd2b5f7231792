"""The transaction of a step: products, revisions, roll-ups, result lines, events and the run, all or nothing."""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Change, Units
from services.pmc.product.domain import StoredProduct, counted
from services.pmc.product.events import emit_blocked, emit_run
from services.pmc.product.history import StoredRevision, revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS
from services.pmc.rollup.domain import Deltas
from services.pmc.rollup.store import apply, prefetch_sums
from services.pmc.run.current import current_run
from services.pmc.run.domain import StoredRun, stepped
from services.pmc.run.ending import ended
from services.pmc.run.events import RUN_EVENTS
from services.pmc.run.manifest_records import RunItem
from services.pmc.run.outcomes import Done
from services.pmc.run.store import RUN_ITEMS, RUNS, item_id_of
from services.pmc.run.working import Worked
from services.pmc.search.domain import SAMPLED_EACH
from services.pmc.search.store import SAMPLES, add_to_sample, sample_id_of


async def write_step(units: Units, call: Call, run: StoredRun, worked: Worked) -> StoredRun | None:
    """The transaction of a step: the run after it, or None where a product has changed since it was read."""

    changed = [] if run.dry_run else [each for each in worked.done if each.changed]
    deltas = _deltas(changed)

    async def write(change: Change) -> StoredRun | None:
        current = await _prefetched(change, run, changed, deltas)
        if changed:
            if not await _are_as_read(change, changed):
                return None
            await apply(change, deltas)
            await _keep_products(change, run, changed, worked)
            await _sample(change, changed)
        for each in worked.done:
            item = RunItem(
                item_id=item_id_of(run.run_id, each.line.n),
                run_id=run.run_id,
                n=each.line.n,
                product_id=each.line.product_id,
                line=each.line,
            )
            await change.insert(RUN_ITEMS, item)
        after = stepped(current, [each.line for each in worked.done], _totals(worked), change.now)
        return await ended(change, current, after)

    return await units.change(call, write, emits=RUN_EVENTS)


def _totals(worked: Worked) -> dict[str, int]:
    return {
        "new_revisions": sum(each.content is not None for each in worked.done),
        "pinned": sum(each.after is not None and each.after.pointers.fallback is not None for each in worked.done),
        "warnings": worked.warnings,
    }


async def _prefetched(change: Change, run: StoredRun, changed: Sequence[Done], deltas: Deltas) -> StoredRun:
    """The run, still as it was read. Everything else that the transaction reads is loaded in the same round trip."""
    known = [each.before for each in changed if each.before is not None]
    change.prefetch(RUNS, [run.run_id])
    change.prefetch(PRODUCTS, [each.product_id for each in known])
    change.prefetch(PRODUCTS, _new_keys(changed), by="key")
    approved = [each.before for each in changed if each.approves and each.before is not None]
    change.prefetch(REVISIONS, [revision_id_of(each.product_id, each.head.rev) for each in approved])
    prefetch_sums(change, deltas)
    change.prefetch(SAMPLES, {sample_id_of(change.call.orgcode, guid) for guid, _ in _new_keys(changed)})
    return await current_run(change, run)


def _new_keys(changed: Sequence[Done]) -> list[tuple[str, str]]:
    """Channel and variant of the products that the step creates."""
    return [
        (each.after.channel_guid, each.after.variant_id)
        for each in changed
        if each.before is None and each.after is not None
    ]


def _deltas(changed: Sequence[Done]) -> Deltas:
    """What the step does to roll-ups and totals."""
    deltas = Deltas()
    for each in changed:
        assert each.after is not None
        if each.content is not None:
            deltas.add_revisions(each.after.channel_guid, each.after.channel_code, 1)
        deltas.move(None if each.before is None else counted(each.before), counted(each.after))
    return deltas


async def _are_as_read(change: Change, changed: Sequence[Done]) -> bool:
    """Whether every product that the step changes is still what it worked with, and none has come into being.

    Products it does not change are not read again: their lines say what they were when the step read them, as if it
    had come before any change since.
    """
    before = {each.before.product_id: each.before for each in changed if each.before is not None}
    new = _new_keys(changed)
    if new and await change.lookup_many(PRODUCTS, "key", new):
        return False
    found = await change.get_many(PRODUCTS, before)
    return all(
        product_id in found and found[product_id].revision == product.revision for product_id, product in before.items()
    )


async def _keep_products(change: Change, run: StoredRun, changed: Sequence[Done], worked: Worked) -> None:
    for each in changed:
        assert each.after is not None
        after = _restamped(each.after, worked.at, change.now)
        kept = await (change.insert if each.before is None else change.update)(PRODUCTS, after)
        if each.content is not None:
            await change.insert(REVISIONS, _revision(change, run, each))
        elif each.approves and each.before is not None:
            await _approve(change, each.before)
        _emit(change, run, each, kept)


async def _sample(change: Change, changed: Sequence[Done]) -> None:
    """Have some of the new products tell how frequent trigrams are in their channels."""
    created: dict[str, list[StoredProduct]] = {}
    for each in changed:
        if each.before is None and each.after is not None:
            created.setdefault(each.after.channel_guid, []).append(each.after)
    for channel_guid, products in created.items():
        some = [(each.product_id, each.indexed.terms) for each in products[::SAMPLED_EACH]]
        await add_to_sample(change, channel_guid, some)


def _emit(change: Change, run: StoredRun, done: Done, kept: StoredProduct) -> None:
    if run.target == "live":
        emit_run(change, done.before, kept, run.run_id, list(done.shown))
    if run.undo_of is None and done.line.outcome == "blocked":
        emit_blocked(change, done.before, kept, run.run_id)


def _revision(change: Change, run: StoredRun, done: Done) -> StoredRevision:
    assert done.after is not None
    assert done.content is not None
    return StoredRevision(
        revision_id=revision_id_of(done.after.product_id, done.after.head.rev),
        product_id=done.after.product_id,
        rev=done.after.head.rev,
        rev_id=done.content.rev_id,
        run_id=run.run_id,
        pack_id=run.pack_id,
        pack_rev=run.pack_rev,
        publishable=done.after.publishable,
        reasons=done.after.reasons,
        changed=list(done.revised),
        content=done.content.text,
        created_utc=change.now,
        created_by=change.call.caller.actor,
    )


async def _approve(change: Change, product: StoredProduct) -> None:
    """Mark the head's revision as publishable, for good."""
    revision = await change.get(REVISIONS, revision_id_of(product.product_id, product.head.rev))
    if revision is not None and not revision.publishable:
        await change.update(REVISIONS, replace(revision, publishable=True, reasons=[]))


_MOMENTS: tuple[Literal["online_changed_utc", "first_online_utc", "live_since_utc"], ...] = (
    "online_changed_utc",
    "first_online_utc",
    "live_since_utc",
)


def _restamped(product: StoredProduct, worked_out: Utc, now: Utc) -> StoredProduct:
    """The product with the time of the transaction where the step put the time at which it worked the change out."""
    moments = {name: now for name in _MOMENTS if getattr(product, name) == worked_out}
    lives = [replace(each, until_utc=now) if each.until_utc == worked_out else each for each in product.lives]
    pointers = product.pointers
    if pointers.staged is not None and pointers.staged.set_utc == worked_out:
        pointers = replace(pointers, staged=replace(pointers.staged, set_utc=now))
    return replace(product, lives=lives, pointers=pointers, **moments)
