"""Bringing the quantities of many variants of one channel in step, round by round."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from chassis.clock import Utc, seconds_between
from chassis.rpc.client import Channels
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.audit.domain import FieldChange
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import status_of
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.order.store import catch_up, open_postings
from services.slc.shopify.port import Shop
from services.slc.shopify.words import Gid
from services.slc.sync.levels_run import LevelWriter, Outcome, Wanted
from services.slc.sync.outcome import Ending
from services.slc.sync.quantities import (
    LevelPlan,
    caught_up_since,
    levels_of,
    new_level,
    plan_level,
    settle,
    unexplained,
    with_levels,
)
from services.slc.sync.sources import units_of
from services.slc.sync.taking import Taken
from services.slc.variant.domain import OpenWrite, StoredLevel, StoredVariant, row_id_of
from services.slc.variant.levels import CATCH_UP_LAG_SECONDS, ROUNDS_MAX, first_seen, taken_over
from services.slc.variant.store import VARIANTS, open_writes, save_rows

POSTING_SECONDS = 1.0
CATCH_UP_SECONDS = 1.0
TURNS_MAX = 3 * ROUNDS_MAX

Place = tuple[str, Gid]


@dataclass
class Moment:
    """What is stored of the variants at one moment."""

    rows: dict[str, StoredVariant]
    posting: set[str]
    writes: list[OpenWrite]
    caught_up_utc: str | None
    now: Utc


@dataclass
class Progress:
    """How far a variant is in this run."""

    taken: Taken
    changes: list[FieldChange] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    read: set[Gid] = field(default_factory=set)
    unseen_before: int = 0


class LevelsSync:
    """One run over the levels of variants; each ends with an `Ending`."""

    def __init__(
        self,
        units: Units,
        work: Work[NoPayload],
        channels: Channels,
        channel: StoredChannel,
        shop: Shop,
        delays: tuple[float, ...],
        taken: Sequence[Taken],
    ) -> None:
        self._units = units
        self._work = work
        self._channels = channels
        self._channel = channel
        self._shop = shop
        self._writer = LevelWriter(units, work, channel, shop, delays)
        self.left = {
            each.row.variant_id: Progress(each, unseen_before=sum(level.unseen for level in each.row.levels))
            for each in taken
        }
        self.endings: list[Ending] = []

    async def sync(self) -> None:
        """Turn after turn until every variant has ended."""
        for _ in range(TURNS_MAX):
            if not self.left:
                return
            await self._turn()
        for variant_id in list(self.left):
            self._end(variant_id, Ending(variant_id=variant_id, kind="later", after_seconds=1.0))

    async def _turn(self) -> None:
        moment = await self._moment()
        await self._open_writes(moment)
        for variant_id in moment.posting & set(self.left):
            self._end(variant_id, Ending(variant_id=variant_id, kind="later", after_seconds=POSTING_SECONDS))
        if not self.left or moment.writes:
            return
        units = await units_of(self._channels, self._work.call, self._channel, list(self.left))
        steps: dict[str, list[tuple[Place, LevelPlan]]] = defaultdict(list)
        for variant_id, progress in self.left.items():
            row = moment.rows[variant_id]
            for level in levels_of(self._channel, row):
                reading = progress.taken.job.forced and level.location_id not in progress.read
                settled = settle(level, moment.caught_up_utc)
                plan = plan_level(self._channel, row, settled, units, reading=reading)
                progress.targets[level.location_id] = plan.target
                steps[plan.step].append(((variant_id, level.location_id), plan))
        if self._channel.config.shadow:
            self._rehearse(steps["write"])
            return
        await self._read(moment, [*steps["read"], *steps["take_over"]])
        if steps["read"] or steps["take_over"]:
            return
        await self._write(moment, steps["write"])
        for variant_id in list(self.left):
            if variant_id not in {place[0] for place, _ in steps["write"]}:
                await self._done(moment, variant_id)

    async def _moment(self) -> Moment:
        channel_id, variant_ids = self._channel.channel_id, list(self.left)

        async def read(view: View) -> Moment:
            rows = await view.get_many(VARIANTS, [row_id_of(channel_id, each) for each in variant_ids])
            status = await status_of(view, channel_id)
            return Moment(
                rows={row.variant_id: row for row in rows.values()},
                posting=await open_postings(view, channel_id, variant_ids),
                writes=await open_writes(view, channel_id, variant_ids),
                caught_up_utc=status.caught_up_utc,
                now=view.now,
            )

        moment = await self._units.view(self._work.call, read)
        for variant_id in set(self.left) - set(moment.rows):
            self.left.pop(variant_id)
        return moment

    async def _open_writes(self, moment: Moment) -> None:
        """Make calls without an outcome once more, where their time has come; the others hold their levels."""
        for opened in moment.writes:
            if opened.next_utc <= moment.now:
                self._take(await self._writer.send(opened))
                continue
            for each in opened.levels:
                if each.variant_id in self.left:
                    wait = max(0.05, seconds_between(moment.now, Utc(opened.next_utc)))
                    self._end(each.variant_id, Ending(variant_id=each.variant_id, kind="later", after_seconds=wait))

    async def _read(self, moment: Moment, steps: Sequence[tuple[Place, LevelPlan]]) -> None:
        """Levels that are read first: rule 1, and rule 2 of forced jobs."""
        by_location: dict[Gid, list[tuple[str, LevelPlan]]] = defaultdict(list)
        for (variant_id, location_id), plan in steps:
            by_location[location_id].append((variant_id, plan))
        for location_id, found in by_location.items():
            items = {each: moment.rows[each].inventory_item_id for each, _ in found}
            states = await self._shop.levels.states([item for item in items.values() if item], location_id)
            shown: dict[str, int] = {}
            for variant_id, plan in found:
                state = states.get(items[variant_id] or "")
                if state is None or not state.exists:
                    self._gone(variant_id)
                elif state.available is None:
                    await self._activate(moment, variant_id, plan.level)
                elif not caught_up_since(self.left[variant_id].taken.job, moment.caught_up_utc):
                    await self._catch_up(variant_id)
                else:
                    shown[variant_id] = state.available
            await self._keep_read(location_id, shown)

    def _gone(self, variant_id: str) -> None:
        if variant_id in self.left:
            message = "the inventory item is gone"
            self._end(variant_id, Ending(variant_id=variant_id, kind="rematch", code="no_match", message=message))

    async def _activate(self, moment: Moment, variant_id: str, level: StoredLevel) -> None:
        """Stock the item at the location, with what may be sold."""
        if variant_id not in self.left:
            return
        quantity = max(0, self.left[variant_id].targets[level.location_id] - level.unseen)
        known = moment.rows[variant_id].level_at(level.location_id)
        if known is not None and known.baseline is not None:
            level = replace(level, baseline=known.baseline)
        self._take(await self._writer.activate(self._wanted(moment, variant_id, level, quantity)))

    async def _catch_up(self, variant_id: str) -> None:
        """Orders are caught up before a quantity is believed; one catch-up serves every job that waits."""
        if variant_id not in self.left:
            return
        await self._units.change(self._work.call, lambda change: catch_up(change, self._channel.channel_id))
        self._end(variant_id, Ending(variant_id=variant_id, kind="later", after_seconds=CATCH_UP_SECONDS))

    async def _keep_read(self, location_id: Gid, shown: dict[str, int]) -> None:
        channel_id = self._channel.channel_id
        variant_ids = [each for each in shown if each in self.left]

        async def write(change: Change) -> None:
            await self._work.checkpoint(change)
            rows = await change.get_many(VARIANTS, [row_id_of(channel_id, each) for each in variant_ids])
            pairs: list[tuple[StoredVariant | None, StoredVariant]] = []
            for row in rows.values():
                level = row.level_at(location_id) or new_level(location_id)
                quantity = shown[row.variant_id]
                if level.baseline is None:
                    level = first_seen(level, quantity, change.now)
                else:
                    level = taken_over(level, quantity, change.now)
                pairs.append((row, replace(row, levels=with_levels(row, {location_id: level}))))
            await save_rows(change, pairs)

        if variant_ids:
            await self._units.change(self._work.call, write)
        for variant_id in variant_ids:
            self.left[variant_id].read.add(location_id)

    async def _write(self, moment: Moment, steps: Sequence[tuple[Place, LevelPlan]]) -> None:
        wanted = []
        for (variant_id, _), plan in steps:
            if plan.level.stale_rounds >= ROUNDS_MAX:
                message = "the quantity in the shop keeps moving"
                self._end(
                    variant_id,
                    Ending(variant_id=variant_id, kind="transient", code="stale_quantity", message=message),
                )
            elif variant_id in self.left:
                known = moment.rows[variant_id].level_at(plan.level.location_id)
                settled = known is not None and known.unseen != plan.level.unseen
                if settled:
                    await self._keep_settled(variant_id, plan.level)
                wanted.append(self._wanted(moment, variant_id, plan.level, plan.quantity))
        self._take(await self._writer.write(wanted))

    async def _keep_settled(self, variant_id: str, level: StoredLevel) -> None:
        """Store that a catch-up has explained the unseen units."""
        row_id = row_id_of(self._channel.channel_id, variant_id)

        async def write(change: Change) -> None:
            row = await change.get(VARIANTS, row_id)
            known = row.level_at(level.location_id) if row is not None else None
            if row is not None and known is not None and known.baseline == level.baseline:
                after = replace(known, unseen=level.unseen, unseen_utc=level.unseen_utc)
                await save_rows(change, [(row, replace(row, levels=with_levels(row, {level.location_id: after})))])

        await self._units.change(self._work.call, write)

    def _wanted(self, moment: Moment, variant_id: str, level: StoredLevel, quantity: int) -> Wanted:
        return Wanted(
            variant_id=variant_id,
            job_id=self.left[variant_id].taken.job.job_id,
            item_id=moment.rows[variant_id].inventory_item_id or "",
            level=level,
            quantity=quantity,
        )

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        """Note what became of levels; a variant with several ends with the first that is not in step."""
        for each in outcomes:
            progress = self.left.get(each.variant_id)
            if progress is None:
                continue
            if each.change is not None:
                progress.changes.append(each.change)
            if each.ending is not None:
                self._end(each.variant_id, each.ending)
            elif each.delay is not None:
                self._end(each.variant_id, Ending(variant_id=each.variant_id, kind="later", after_seconds=each.delay))

    async def _done(self, moment: Moment, variant_id: str) -> None:
        """Every level is in step; units that left unseen are looked into."""
        row = moment.rows[variant_id]
        levels = [settle(each, moment.caught_up_utc) for each in row.levels]
        if unexplained(levels) is not None:
            await self._look_into(variant_id)
        elif levels != row.levels:
            for level in levels:
                await self._keep_settled(variant_id, level)
        self._end(variant_id, Ending(variant_id=variant_id, kind="done"))

    async def _look_into(self, variant_id: str) -> None:
        """Catch up now and once more when the shop's search shows the latest orders, and look at the variant then."""
        grew = sum(each.unseen for each in self.left[variant_id].taken.row.levels)
        row_id, channel_id = row_id_of(self._channel.channel_id, variant_id), self._channel.channel_id

        async def write(change: Change) -> None:
            row = await change.get(VARIANTS, row_id)
            if row is None:
                return
            if sum(each.unseen for each in row.levels) > grew:
                await catch_up(change, channel_id)
            await catch_up(change, channel_id, delay_seconds=CATCH_UP_LAG_SECONDS)
            reason = Reason(cause="stock", inventory_only=True, delay_seconds=CATCH_UP_LAG_SECONDS + 2)
            await note(change, self._channel, [row], reason)

        await self._units.change(self._work.call, write)

    def _rehearse(self, steps: Sequence[tuple[Place, LevelPlan]]) -> None:
        for (variant_id, location_id), plan in steps:
            before, after = plan.level.baseline, plan.quantity
            change = FieldChange(field="inventory", location_id=location_id, before=before, after=after)
            self.left[variant_id].changes.append(change)
        for variant_id in list(self.left):
            self._end(variant_id, Ending(variant_id=variant_id, kind="done", in_shadow=True))

    def _end(self, variant_id: str, ending: Ending) -> None:
        progress = self.left.pop(variant_id, None)
        if progress is not None:
            self.endings.append(
                replace(ending, changes=tuple(progress.changes), targets=progress.targets, audit="sync.inventory")
            )

    def fail_all(self, **fields: object) -> None:
        """End what is left because of a failure."""
        for variant_id in list(self.left):
            self._end(variant_id, Ending(variant_id=variant_id, **fields))  # type: ignore[arg-type]
