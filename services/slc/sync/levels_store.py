"""What a run over levels reads and stores of the variants: one moment of them, and what was learned since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, status_of
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.order.store import catch_up, open_postings
from services.slc.shopify.words import Gid
from services.slc.sync.quantities import new_level, with_levels
from services.slc.variant.domain import OpenWrite, StoredLevel, StoredVariant, row_id_of
from services.slc.variant.levels import CATCH_UP_LAG_SECONDS, first_seen, taken_over
from services.slc.variant.store import VARIANTS, open_writes, rows_of, save_rows


@dataclass
class Moment:
    """What is stored of the variants at one moment."""

    rows: dict[str, StoredVariant]
    posting: set[str]
    writes: list[OpenWrite]
    caught_up_utc: str | None
    now: Utc


class LevelsStore:
    """Reads and stores on behalf of one run over levels of a channel."""

    def __init__(self, units: Units, work: Work[NoPayload], channel: StoredChannel) -> None:
        self._units = units
        self._work = work
        self._channel = channel

    async def moment(self, variant_ids: Sequence[str]) -> Moment:
        """What is stored of these variants now."""
        channel_id = self._channel.channel_id

        async def read(view: View) -> Moment:
            view.prefetch(VARIANTS, [row_id_of(channel_id, each) for each in variant_ids])
            view.prefetch(CHANNEL_STATUS, [channel_id])
            posting, writes = await _holding(view, channel_id, variant_ids)
            return Moment(
                rows=await rows_of(view, channel_id, variant_ids),
                posting=posting,
                writes=writes,
                caught_up_utc=(await status_of(view, channel_id)).caught_up_utc,
                now=view.now,
            )

        return await self._units.view(self._work.call, read)

    async def keep_read(
        self, location_id: Gid, shown: Mapping[str, int], before: Mapping[str, StoredVariant]
    ) -> list[str]:
        """Take over what the shop shows at a location; the variants for which that holds still.

        One whose level was moved by a booking since it was read, or has a posting under way, is read once more.
        """
        channel_id = self._channel.channel_id

        async def write(change: Change) -> list[str]:
            await self._work.checkpoint(change)
            rows = await change.get_many(VARIANTS, [row_id_of(channel_id, each) for each in shown])
            posting = await open_postings(change, channel_id, shown)
            pairs: list[tuple[StoredVariant | None, StoredVariant]] = []
            for row in rows.values():
                known = row.level_at(location_id)
                if row.variant_id in posting or known != before[row.variant_id].level_at(location_id):
                    continue
                level, quantity = known or new_level(location_id), shown[row.variant_id]
                take = first_seen if level.baseline is None else taken_over
                after = take(level, quantity, change.now)
                pairs.append((row, replace(row, levels=with_levels(row, {location_id: after}))))
            await save_rows(change, pairs)
            return [row.variant_id for _, row in pairs]

        return await self._units.change(self._work.call, write) if shown else []

    async def keep_settled(self, variant_id: str, level: StoredLevel) -> None:
        """Store that a catch-up has explained the unseen units."""
        row_id = row_id_of(self._channel.channel_id, variant_id)

        async def write(change: Change) -> None:
            row = await change.get(VARIANTS, row_id)
            known = row.level_at(level.location_id) if row is not None else None
            if row is not None and known is not None and known.baseline == level.baseline:
                after = replace(known, unseen=level.unseen, unseen_utc=level.unseen_utc)
                await save_rows(change, [(row, replace(row, levels=with_levels(row, {level.location_id: after})))])

        await self._units.change(self._work.call, write)

    async def catch_up(self) -> None:
        """Have orders caught up on before a quantity is believed; one catch-up serves every job that waits."""
        await self._units.change(self._work.call, lambda change: catch_up(change, self._channel.channel_id))

    async def look_into(self, variant_id: str, unseen_before: int) -> None:
        """Catch up now and once more when the shop's search shows the latest orders, and look at the variant then."""
        row_id, channel_id = row_id_of(self._channel.channel_id, variant_id), self._channel.channel_id

        async def write(change: Change) -> None:
            row = await change.get(VARIANTS, row_id)
            if row is None:
                return
            if sum(each.unseen for each in row.levels) > unseen_before:
                await catch_up(change, channel_id)
            await catch_up(change, channel_id, delay_seconds=CATCH_UP_LAG_SECONDS)
            reason = Reason(cause="stock", inventory_only=True, delay_seconds=CATCH_UP_LAG_SECONDS + 2)
            await note(change, self._channel, [row], reason)

        await self._units.change(self._work.call, write)


async def held_variants(view: View, channel_id: str, variant_ids: Sequence[str]) -> set[str]:
    """Those of these variants of whose levels nothing is written now: a posting or a write of them is open."""
    posting, writes = await _holding(view, channel_id, variant_ids)
    return posting | {level.variant_id for each in writes for level in each.levels}


async def _holding(view: View, channel_id: str, variant_ids: Sequence[str]) -> tuple[set[str], list[OpenWrite]]:
    """The variants that have an open posting, and the open writes that hold levels of them."""
    found: list[Any] = await view.together(
        read for read in (open_postings(view, channel_id, variant_ids), open_writes(view, channel_id, variant_ids))
    )
    return found[0], found[1]
