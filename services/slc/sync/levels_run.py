"""Writing quantities: up to 100 levels a call, each call stored before it is sent and kept until its answer is."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from chassis.clock import Utc, later, seconds_between
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.errors import NoAnswer, ShopRefused, ShopThrottled
from services.slc.shopify.inputs import LevelWrite
from services.slc.shopify.port import LEVELS_MAX, Shop
from services.slc.sync.levels_outcome import (
    LevelChange,
    Outcome,
    Wanted,
    begin_again,
    change_levels,
    done,
    ended_level,
    holds_still,
    level_of,
    over,
    put_back,
    refused_level,
    taking_over,
    written_level,
)
from services.slc.sync.levels_store import held_variants
from services.slc.sync.outcome import Ending
from services.slc.sync.quantities import new_level
from services.slc.variant.domain import OpenWrite, StoredLevel, WriteKind, WrittenLevel, row_id_of
from services.slc.variant.levels import stale
from services.slc.variant.store import OPEN_WRITES, VARIANTS, rows_of

OPEN_SECONDS_MAX = 12 * 3600.0
"""How long the same call is made again for want of an outcome; then the shop's quantity is taken over."""

AGAIN = frozenset({ShopRefused.CONCURRENT})

ACTIVATIONS_MAX = 50
"""Items that are stocked with one transaction before their calls and one after them."""

ACTIVATIONS_AT_ONCE = 8


class _NotSent(Exception):
    """The call was not made, because another one has failed for the whole channel."""


class LevelWriter:
    """Writes levels of one channel on behalf of a run."""

    def __init__(
        self, units: Units, work: Work[NoPayload], channel: StoredChannel, shop: Shop, delays: tuple[float, ...]
    ) -> None:
        self._units = units
        self._work = work
        self._channel = channel
        self._shop = shop
        self._delays = delays
        self._unstocked: set[tuple[str, str]] = set()

    async def write(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        """Write these levels, many a call; a refused one is taken out and the rest is sent again."""
        outcomes: list[Outcome] = []
        for start in range(0, len(wanted), LEVELS_MAX):
            opened, dropped = await self._open(wanted[start : start + LEVELS_MAX], "set")
            outcomes += [begin_again(each) for each in dropped]
            for each in opened:
                outcomes += await self.send(each)
        return outcomes

    async def activate(self, wanted: Sequence[Wanted]) -> list[Outcome]:
        """Stock items at locations: a call each, some at once, stored together."""
        outcomes: list[Outcome] = []
        for start in range(0, len(wanted), ACTIVATIONS_MAX):
            opened, dropped = await self._open(wanted[start : start + ACTIVATIONS_MAX], "activate")
            outcomes += [begin_again(each) for each in dropped]
            outcomes += await self._send_together(opened)
        return outcomes

    async def send(self, opened: OpenWrite) -> list[Outcome]:
        """Send an open write, and store what became of it."""
        return await self._send_together([opened])

    async def _send_together(self, opened: Sequence[OpenWrite]) -> list[Outcome]:
        """Send open writes, some at once. Those that are done are stored in one transaction.

        Raises what concerns the whole channel; then no further one is sent, and those not sent are closed.
        """
        gate, stopped = asyncio.Semaphore(ACTIVATIONS_AT_ONCE), False

        async def tried(each: OpenWrite) -> Exception | None:
            nonlocal stopped
            async with gate:
                if stopped:
                    return _NotSent()
                try:
                    await self._call(each)
                except Exception as failure:  # noqa: BLE001  judged below
                    stopped = not isinstance(failure, NoAnswer | ShopThrottled | ShopRefused)
                    return failure
                return None

        tries = list(zip(opened, await asyncio.gather(*map(tried, opened)), strict=True))
        finished = [each for each, failure in tries if failure is None]
        await self._store(finished, done)
        await self._store([each for each, failure in tries if isinstance(failure, _NotSent)], None)
        outcomes = [written_level(level) for each in finished for level in each.levels]
        for each, failure in tries:
            if failure is not None and not isinstance(failure, _NotSent):
                outcomes += await self._failed(each, failure)
        return outcomes

    async def _failed(self, opened: OpenWrite, failure: Exception) -> list[Outcome]:
        """Store that a call was not done; raises what concerns the whole channel."""
        if isinstance(failure, NoAnswer | ShopThrottled):
            return await self._unanswered(opened, failure)
        if isinstance(failure, ShopRefused):
            if any(failure.has(code) for code in AGAIN):
                return await self._unanswered(opened, failure)
            return await self._refused(opened, failure)
        raise failure

    async def _call(self, opened: OpenWrite) -> None:
        variables = msgspec.json.decode(opened.variables)
        if opened.kind == "activate":
            first = opened.levels[0]
            await self._shop.levels.activate(opened.key, first.inventory_item_id, first.location_id, first.quantity)
            return
        writes = [
            LevelWrite(
                inventory_item_id=each.inventory_item_id,
                location_id=each.location_id,
                quantity=each.quantity,
                change_from_quantity=each.compared or 0,
            )
            for each in opened.levels
        ]
        await self._shop.levels.set(opened.key, variables["job_id"], writes)

    async def _open(self, wanted: Sequence[Wanted], kind: WriteKind) -> tuple[list[OpenWrite], list[Wanted]]:
        """Store calls before they are made: one for all levels, or to activate one for each.

        Levels whose baseline has moved, or that a posting or another write holds, are left out.
        """
        channel_id = self._channel.channel_id
        variant_ids = list(dict.fromkeys(each.variant_id for each in wanted))

        async def write(change: Change) -> tuple[list[OpenWrite], list[Wanted]]:
            change.prefetch(VARIANTS, [row_id_of(channel_id, each) for each in variant_ids])
            await self._work.checkpoint(change)
            held = await held_variants(change, channel_id, variant_ids)
            rows = await rows_of(change, channel_id, variant_ids)
            kept: list[Wanted] = []
            dropped: list[Wanted] = []
            for each in wanted:
                is_free = each.variant_id not in held and holds_still(rows.get(each.variant_id), each)
                (kept if is_free else dropped).append(each)
            calls = [kept] if kind == "set" and kept else [[each] for each in kept]
            opened = [
                OpenWrite(
                    key=str(uuid.uuid4()),
                    channel_id=channel_id,
                    kind=kind,
                    variables=msgspec.json.encode({"job_id": call[0].job_id}).decode(),
                    levels=[level_of(each) for each in call],
                    stored_utc=change.now,
                    next_utc=change.now,
                )
                for call in calls
            ]
            return [await change.insert(OPEN_WRITES, each) for each in opened], dropped

        return await self._units.change(self._work.call, write)

    async def _store(self, opened: Sequence[OpenWrite], after: LevelChange | None) -> None:
        """Close open writes, and change their levels."""
        if not opened:
            return
        channel_id = self._channel.channel_id

        async def write(change: Change) -> None:
            change.prefetch(OPEN_WRITES, [each.key for each in opened])
            if after is not None:
                variant_ids = [level.variant_id for each in opened for level in each.levels]
                change.prefetch(VARIANTS, [row_id_of(channel_id, each) for each in variant_ids])
            await self._work.checkpoint(change)
            known = await change.get_many(OPEN_WRITES, [each.key for each in opened])
            for each in known.values():
                await change.delete(OPEN_WRITES, each)
            if after is not None and known:
                levels = [level for each in opened if each.key in known for level in each.levels]
                await change_levels(change, channel_id, levels, after)

        await self._units.change(self._work.call, write)

    async def _unanswered(self, opened: OpenWrite, failure: Exception) -> list[Outcome]:
        """No outcome is known: the very same call is made again later, for up to 12 hours."""
        throttled = failure.wait_seconds if isinstance(failure, ShopThrottled) else None
        now = await self._now()
        if throttled is None and seconds_between(Utc(opened.stored_utc), now) > OPEN_SECONDS_MAX:
            return await self.give_up(opened)
        delay = throttled if throttled is not None else self._delays[min(opened.tries, len(self._delays) - 1)]

        async def write(change: Change) -> None:
            await self._work.checkpoint(change)
            known = await change.get(OPEN_WRITES, opened.key)
            if known is not None:
                tries = known.tries + (throttled is None)
                await change.update(OPEN_WRITES, replace(known, tries=tries, next_utc=later(change.now, delay)))

        await self._units.change(self._work.call, write)
        if throttled is not None:
            return [put_back(each, throttled) for each in opened.levels]
        return [
            ended_level(
                each, Ending(variant_id=each.variant_id, kind="transient", code="transient", message=str(failure))
            )
            for each in opened.levels
        ]

    async def give_up(self, opened: OpenWrite) -> list[Outcome]:
        """The call never got an outcome: what the shop shows is taken over."""
        shown = await self._read(opened.levels)
        await self._store([opened], taking_over(shown))
        return [Outcome(variant_id=each.variant_id, location_id=each.location_id, again=True) for each in opened.levels]

    async def _read(self, levels: Sequence[WrittenLevel]) -> dict[tuple[str, str], int | None]:
        by_location: dict[str, list[str]] = defaultdict(list)
        for each in levels:
            by_location[each.location_id].append(each.inventory_item_id)
        found: dict[tuple[str, str], int | None] = {}
        for location_id, items in by_location.items():
            states = await self._shop.levels.states(items, location_id)
            found.update({(item, location_id): state.available for item, state in states.items()})
        return found

    async def _refused(self, opened: OpenWrite, refused: ShopRefused) -> list[Outcome]:
        """Some entries are refused, and so nothing was written: they are taken out and the rest is sent again."""
        if refused.has(ShopRefused.PREVIOUS_FAILED):
            await self._store([opened], None)
            return [put_back(each, 0.5) for each in opened.levels]
        if opened.kind == "activate" or any(each.index is None for each in refused.errors):
            return await self._refused_whole(opened, refused)
        codes = {each.index: each for each in refused.errors}
        bad = [(place, each) for place, each in enumerate(opened.levels) if place in codes]
        good = [each for place, each in enumerate(opened.levels) if place not in codes]
        rounds: dict[tuple[str, str], float | None] = {}
        stales = {(each.variant_id, each.location_id) for place, each in bad if codes[place].code == ShopRefused.STALE}

        unstocked = {
            (each.variant_id, each.location_id) for place, each in bad if codes[place].code == ShopRefused.NOT_STOCKED
        } - self._unstocked
        self._unstocked |= unstocked

        def mark(level: StoredLevel, each: WrittenLevel, now: Utc) -> StoredLevel:
            if (each.variant_id, each.location_id) in unstocked:
                return over(level, None, now)
            if (each.variant_id, each.location_id) not in stales:
                return level
            level, rounds[each.variant_id, each.location_id] = stale(level)
            return level

        await self._store([opened], mark)
        outcomes = []
        for place, each in bad:
            error = codes[place]
            if error.code == ShopRefused.STALE:
                delay = rounds.get((each.variant_id, each.location_id))
                outcomes.append(await self._stale(each, delay))
            elif (each.variant_id, each.location_id) in unstocked:
                # Taken off the location by hand: the next turn reads that, and stocks it again. Once in a run.
                outcomes.append(Outcome(variant_id=each.variant_id, location_id=each.location_id, again=True))
            else:
                outcomes.append(refused_level(each, error))
        if good:
            again, dropped = await self._open([self._wanted_again(each, opened) for each in good], "set")
            outcomes += [begin_again(each) for each in dropped]
            for left in again:
                outcomes += await self.send(left)
        return outcomes

    def _wanted_again(self, each: WrittenLevel, opened: OpenWrite) -> Wanted:
        level = replace(new_level(each.location_id), baseline=each.compared, unseen=each.unseen)
        return Wanted(
            variant_id=each.variant_id,
            job_id=msgspec.json.decode(opened.variables)["job_id"],
            item_id=each.inventory_item_id,
            level=level,
            quantity=each.quantity,
        )

    async def _refused_whole(self, opened: OpenWrite, refused: ShopRefused) -> list[Outcome]:
        await self._store([opened], None)
        error = refused.errors[0]
        return [refused_level(each, error) for each in opened.levels]

    async def _stale(self, each: WrittenLevel, delay: float | None) -> Outcome:
        """The shop's quantity moved: wait for the order that explains it, or take the quantity over."""
        if delay is not None:
            return Outcome(variant_id=each.variant_id, location_id=each.location_id, delay=delay)
        shown = await self._read([each])

        async def write(change: Change) -> None:
            await self._work.checkpoint(change)
            await change_levels(change, self._channel.channel_id, [each], taking_over(shown))

        await self._units.change(self._work.call, write)
        return Outcome(variant_id=each.variant_id, location_id=each.location_id, again=True)

    async def _now(self) -> Utc:
        async def read(view: View) -> Utc:
            return view.now

        return await self._units.view(self._work.call, read)
