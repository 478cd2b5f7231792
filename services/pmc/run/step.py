"""A step of a run: work out the next items, write them in one transaction, store the manifest parts that are due.

Nothing is locked while items are worked out. The transaction holds if the run and every product are as they were read;
where a product has changed meanwhile, the items are worked out again.
"""

from collections.abc import Sequence
from time import monotonic
from typing import Literal

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock, Utc
from chassis.entity import Value
from chassis.errors import ExpectedRevisionRequired, InvalidState, NotFound, StaleRevision
from chassis.unit import Change, Units, View
from services.pmc.objects.port import ObjectStore, StoreDown
from services.pmc.product.domain import StoredProduct, counted
from services.pmc.product.events import STEP_EVENTS, emit_blocked, emit_run
from services.pmc.product.history import StoredRevision, revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS
from services.pmc.rollup.domain import Deltas
from services.pmc.rollup.store import apply, prefetch_sums
from services.pmc.run.domain import (
    PART_LINES,
    STEP_SECONDS_MAX,
    RunFailure,
    RunOutcomes,
    StoredRun,
    due_lines,
    failed,
    stepped,
)
from services.pmc.run.ending import ended
from services.pmc.run.manifest import close_parts, store_due_parts
from services.pmc.run.manifest_records import RunItem
from services.pmc.run.outcomes import Done
from services.pmc.run.store import RUN_ITEMS, RUNS, item_id_of
from services.pmc.run.working import PackLost, Worked, work_out
from services.pmc.search.domain import SAMPLED_EACH
from services.pmc.search.store import SAMPLES, add_to_sample, sample_id_of

RUN_EVENTS = (*STEP_EVENTS, "pmc.run.completed", "pmc.run.failed")
TRIES_MAX = 10


class Stepped(Value):
    """The run after a step, and what the step did."""

    run: StoredRun
    outcomes: RunOutcomes
    items: int


async def load_run(units: Units, call: Call, run_id: str) -> StoredRun:
    """A run. Raises `NotFound`."""

    async def look(view: View) -> StoredRun:
        run = await view.get(RUNS, run_id)
        if run is None:
            raise NotFound("there is no such run")
        return run

    return await units.view(call, look)


async def step(
    units: Units, call: Call, store: ObjectStore, clock: Clock, run_id: str, expected: int | None, max_items: int
) -> Stepped:
    """Do the next items of a run. Raises `InvalidState`, `StaleRevision`, `StoreDown`."""
    until = monotonic() + STEP_SECONDS_MAX
    run = await load_run(units, call, run_id)
    check_steppable(run, expected)
    items: list[Done] = []
    if run.processed - run.manifest_lines >= PART_LINES:
        run = await _with_parts(units, call, store, run, at_most=1)
    if run.status == "running" and (run.remaining or not due_lines(run)):
        run, items = await _write_items(units, call, store, clock, run, max_items, until)
    if run.status == "running":
        run = await _with_parts(units, call, store, run, at_most=2)
    outcomes = RunOutcomes.of([each.line.outcome for each in items])
    return Stepped(run=run, outcomes=outcomes, items=len(items))


def check_steppable(run: StoredRun, expected: int | None) -> None:
    """Raise where the run is not running, whatever the revision; then where the revision is missing or stale."""
    if run.status != "running":
        raise InvalidState(f"the run is {run.status}", status=run.status)
    if expected is None:
        raise ExpectedRevisionRequired(run.revision)
    if expected != run.revision:
        raise stale(run)


def stale(run: StoredRun) -> StaleRevision:
    """The refusal of a step whose run another call has changed."""
    refusal = StaleRevision(run.revision)
    refusal.details["status"] = run.status
    return refusal


async def _with_parts(units: Units, call: Call, store: ObjectStore, run: StoredRun, *, at_most: int) -> StoredRun:
    """Store the parts that are due; if the store fails, `StoreDown` has the run's `current_revision`."""
    try:
        return await store_due_parts(units, call, store, run, at_most=at_most)
    except StoreDown as failure:
        current = await load_run(units, call, run.run_id)
        raise StoreDown("a manifest part could not be stored", current_revision=current.revision) from failure


async def _write_items(
    units: Units, call: Call, store: ObjectStore, clock: Clock, run: StoredRun, max_items: int, until: float
) -> tuple[StoredRun, list[Done]]:
    for _ in range(TRIES_MAX):
        try:
            worked = await work_out(units, call, run, max_items, until, clock.now())
        except PackLost:
            return await _lose_pack(units, call, store, run), []
        after = await _commit(units, call, run, worked)
        if after is not None:
            return after, worked.done
    raise stale(await load_run(units, call, run.run_id))


async def _lose_pack(units: Units, call: Call, store: ObjectStore, run: StoredRun) -> StoredRun:
    run = await close_parts(units, call, store, run)

    async def fail(change: Change) -> StoredRun:
        current = await current_run(change, run)
        failure = RunFailure(code="pack-lost", message="the pack version cannot be read any more")
        return await ended(change, current, failed(current, failure, change.now))

    return await units.change(call, fail, emits=RUN_EVENTS)


async def current_run(change: Change, run: StoredRun) -> StoredRun:
    """The run, still as it was read. Raises `StaleRevision`, or `InvalidState` where it has ended."""
    current = await change.load(RUNS, run.run_id)
    if current.revision != run.revision:
        if current.status != "running":
            raise InvalidState(f"the run is {current.status}", status=current.status)
        raise stale(current)
    return current


async def _commit(units: Units, call: Call, run: StoredRun, worked: Worked) -> StoredRun | None:
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
        some = [each.indexed.terms.trigrams for each in products[::SAMPLED_EACH]]
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
