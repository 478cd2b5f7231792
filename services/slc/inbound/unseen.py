"""Rule 7: units that left the shop and that a catch-up did not find were no sale."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Change, Units
from services.slc.channel.domain import StoredChannel
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.variant.levels import explained
from services.slc.variant.store import save_rows, unseen_rows

BITE_ROWS = 100


async def explain_unseen(units: Units, call: Call, channel: StoredChannel, began_utc: Utc, row_id: str) -> str | None:
    """Explain the unseen units of the next rows after a catch-up; the last row looked at, None at the end."""

    async def write(change: Change) -> str | None:
        rows = await unseen_rows(change, channel.channel_id, row_id, BITE_ROWS)
        pairs = [(row, replace(row, levels=[explained(level, began_utc) for level in row.levels])) for row in rows]
        changed = [(before, after) for before, after in pairs if before != after]
        await save_rows(change, changed)
        await note(change, channel, [after for _, after in changed], Reason(cause="order", inventory_only=True))
        return rows[-1].row_id if len(rows) == BITE_ROWS else None

    return await units.change(call, write)
