"""Bringing the quantities of many variants of one channel in step, round by round."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from chassis.clock import Utc, seconds_between
from chassis.rpc.client import Channels
from chassis.unit import Units
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.audit.domain import FieldChange
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.port import Shop
from services.slc.shopify.words import Gid
from services.slc.sync.levels_outcome import Outcome, Wanted
from services.slc.sync.levels_run import LevelWriter
from services.slc.sync.levels_store import LevelsStore, Moment
from services.slc.sync.outcome import Ending
from services.slc.sync.quantities import LevelPlan, caught_up_since, levels_of, plan_level, settle, unexplained
from services.slc.sync.run import unmapped
from services.slc.sync.sources import units_of
from services.slc.sync.taking import Taken
from services.slc.variant.domain import StoredLevel
from services.slc.variant.levels import ROUNDS_MAX

POSTING_SECONDS = 1.0
CATCH_UP_SECONDS = 1.0
TURNS_MAX = 3 * ROUNDS_MAX

Place = tuple[str, Gid]


@dataclass
class Progress:
    """How far a variant is in this run."""

    taken: Taken
    changes: list[FieldChange] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    read: set[Gid] = field(default_factory=set)


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
        self._call = work.call
        self._channels = channels
        self._channel = channel
        self._shop = shop
        self._store = LevelsStore(units, work, channel)
        self._writer = LevelWriter(units, work, channel, shop, delays)
        self.left = {each.row.variant_id: Progress(each) for each in taken}
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
        moment = await self._store.moment(list(self.left))
        for variant_id in set(self.left) - set(moment.rows):
            self.left.pop(variant_id)
        await self._open_writes(moment)
        for variant_id in moment.posting & set(self.left):
            self._end(variant_id, Ending(variant_id=variant_id, kind="later", after_seconds=POSTING_SECONDS))
        if not self.left or moment.writes:
            return
        units = await units_of(self._channels, self._call, self._channel, list(self.left))
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
        outcomes = await self._write(moment, steps["write"])
        written = {variant_id for (variant_id, _), _ in steps["write"]}
        self._end_written(moment, [place for place, _ in steps["write"]], outcomes)
        for variant_id in [each for each in self.left if each not in written]:
            await self._done(moment, variant_id)

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
            unstocked: list[Wanted] = []
            for variant_id, plan in found:
                state = states.get(items[variant_id] or "")
                if state is None or not state.exists:
                    self._gone(variant_id)
                elif state.available is None:
                    unstocked += self._to_stock(moment, variant_id, plan.level)
                elif not caught_up_since(self.left[variant_id].taken.job, moment.caught_up_utc):
                    await self._catch_up(variant_id)
                else:
                    shown[variant_id] = state.available
            self._take(await self._writer.activate(unstocked))
            shown = {each: units for each, units in shown.items() if each in self.left}
            for variant_id in await self._store.keep_read(location_id, shown, moment.rows):
                self.left[variant_id].read.add(location_id)

    def _gone(self, variant_id: str) -> None:
        if variant_id in self.left:
            message = "the inventory item is gone"
            self._end(variant_id, Ending(variant_id=variant_id, kind="rematch", code="no_match", message=message))

    def _to_stock(self, moment: Moment, variant_id: str, level: StoredLevel) -> list[Wanted]:
        """What is to be stocked at the location: the item, with what may be sold."""
        if variant_id not in self.left:
            return []
        quantity = max(0, self.left[variant_id].targets[level.location_id] - level.unseen)
        known = moment.rows[variant_id].level_at(level.location_id)
        if known is not None and known.baseline is not None:
            level = replace(level, baseline=known.baseline)
        return [self._wanted(moment, variant_id, level, quantity)]

    async def _catch_up(self, variant_id: str) -> None:
        if variant_id not in self.left:
            return
        await self._store.catch_up()
        self._end(variant_id, Ending(variant_id=variant_id, kind="later", after_seconds=CATCH_UP_SECONDS))

    def _end_written(self, moment: Moment, places: Sequence[Place], outcomes: Sequence[Outcome]) -> None:
        """End the variants of which every level was written now; units that left unseen are looked into first.

        What changed meanwhile has been noted, so that the job is due once more.
        """
        accepted = {(each.variant_id, each.location_id) for each in outcomes if each.change is not None}
        unfinished = {place[0] for place in places if place not in accepted}
        for variant_id in dict.fromkeys(place[0] for place in places if place[0] in self.left):
            unseen = any(level.unseen for level in moment.rows[variant_id].levels)
            if variant_id not in unfinished and not unseen:
                self._end(variant_id, Ending(variant_id=variant_id, kind="done"))

    async def _write(self, moment: Moment, steps: Sequence[tuple[Place, LevelPlan]]) -> list[Outcome]:
        """Write levels; what became of them."""
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
                    await self._store.keep_settled(variant_id, plan.level)
                wanted.append(self._wanted(moment, variant_id, plan.level, plan.quantity))
        outcomes = await self._writer.write(wanted)
        self._take(outcomes)
        return outcomes

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
            if each.is_fixed:
                pushed = {**progress.taken.row.pushed, "bundle": True, "mode": "leave"}
                self._end(each.variant_id, Ending(variant_id=each.variant_id, fields={"pushed": pushed}))
            elif each.ending is not None:
                self._end(each.variant_id, each.ending)
            elif each.delay is not None:
                self._end(each.variant_id, Ending(variant_id=each.variant_id, kind="later", after_seconds=each.delay))

    async def _done(self, moment: Moment, variant_id: str) -> None:
        """Every level is in step; units that left unseen are looked into."""
        row = moment.rows[variant_id]
        levels = [settle(each, moment.caught_up_utc) for each in row.levels]
        if unexplained(levels) is not None:
            before = sum(each.unseen for each in self.left[variant_id].taken.row.levels)
            await self._store.look_into(variant_id, before)
        elif levels != row.levels:
            for level in levels:
                await self._store.keep_settled(variant_id, level)
        self._end(variant_id, Ending(variant_id=variant_id, kind="done"))

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
            if ending.kind == "rematch":
                ending = replace(ending, fields=unmapped(progress.taken.row))
            self.endings.append(
                replace(ending, changes=tuple(progress.changes), targets=progress.targets, audit="sync.inventory")
            )

    def fail_all(self, **fields: object) -> None:
        """End what is left because of a failure."""
        for variant_id in list(self.left):
            self._end(variant_id, Ending(variant_id=variant_id, **fields))  # type: ignore[arg-type]
