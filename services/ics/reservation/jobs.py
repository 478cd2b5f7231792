"""The overdue-sweep job: expires overdue promises of items without calls, so that their units become available."""

from collections import Counter, deque
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Utc, later, seconds_between
from chassis.entity import Value
from chassis.errors import Conflict, InvalidState, Unavailable
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Units, View
from chassis.values import Count, Guid, Id, Orgcode
from services.ics.ledger.holder import BITE_HOLDERS
from services.ics.ledger.promises import overdue_anywhere
from services.ics.ledger.store import Promise
from services.ics.reservation.gauges import OverdueGauges
from services.ics.reservation.opening import Expired, expire_some
from services.ics.settings import IcsSettings

jobs = Jobs("ics")

SWEEP_SECONDS = 10.0
READ_PROMISES_MAX = 2000
"""Most overdue promises read at a time, the longest overdue first; of these, one transaction per org in turn."""

log = get_logger("services.ics.reservation")


class OverdueParams(Value):
    """The parameters of a run: at most `limit` promises, of one org, of one facility; None: no restriction."""

    job: Literal["overdue-sweep"] = "overdue-sweep"
    limit: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    dry_run: bool = False
    orgcode: Orgcode | None = None
    logical_guid: Guid | None = None


class OverdueAnswer(Value):
    """The results of a run, in promises. `conflicts`: ended in the meantime by a caller or another replica."""

    job: Literal["overdue-sweep"] = "overdue-sweep"
    run_id: Id
    overdue: Count
    expired: Count
    conflicts: Count
    errors: Count


class OverdueItem(NamedTuple):
    """An item with overdue promises."""

    orgcode: str
    logical_guid: str
    variant_id: str


async def first_overdue(view: View) -> Utc | None:
    """When the promise that is overdue for longest was due; None if none is."""
    found = await overdue_anywhere(view, view.now, 1, None)
    return Utc(found[0].due or view.now) if found else None


@jobs.every(seconds=SWEEP_SECONDS, name="overdue-sweep", params=OverdueParams, due=first_overdue)
async def overdue_sweep(
    units: Units, call: Call, params: OverdueParams, settings: IcsSettings, gate: Gate, gauges: OverdueGauges
) -> OverdueAnswer:
    """Expire promises that have been overdue for a while, org by org in turn."""
    call = replace(call, caller=SYSTEM)
    until = later(call.started_utc, -settings.ics_overdue_seconds)
    found: Counter[str] = Counter()
    oldest: Utc | None = None
    after: tuple[str, str] | None = None
    while params.limit is None or found["overdue"] < params.limit:
        read = await units.view(call, partial(_overdue, until=until, after=after))
        meant = [each for each in read if _is_meant(each, params) and not gate.is_closed_for(each.orgcode)]
        if params.limit is not None:
            meant = meant[: params.limit - found["overdue"]]
        found["overdue"] += len(meant)
        oldest = oldest or (Utc(meant[0].due or until) if meant else None)
        if not params.dry_run:
            await _expire(units, call, meant, until, found)
        if len(read) < READ_PROMISES_MAX:
            break
        after = (str(read[-1].due), read[-1].promise_id)
    if params.orgcode is None and params.logical_guid is None:
        # The next run may be far off: what is left, not what was found.
        left = found["overdue"] - found["expired"] - found["conflicts"]
        gauges.set(left, seconds_between(oldest, call.started_utc) if oldest and left else 0)
    return OverdueAnswer(
        run_id=new_id(call.started_utc),
        overdue=found["overdue"],
        expired=found["expired"],
        conflicts=found["conflicts"],
        errors=found["errors"],
    )


async def _overdue(view: View, until: Utc, after: tuple[str, str] | None) -> list[Promise]:
    return await overdue_anywhere(view, until, READ_PROMISES_MAX, after)


def _is_meant(promise: Promise, params: OverdueParams) -> bool:
    return params.orgcode in {None, promise.orgcode} and params.logical_guid in {None, promise.logical_guid}


async def _expire(units: Units, call: Call, overdue: Iterable[Promise], until: Utc, found: Counter[str]) -> None:
    """Expire these promises: one transaction for each org in turn, until none is left."""
    left = Counter(OverdueItem(each.orgcode, each.logical_guid, each.variant_id) for each in overdue)
    turns: deque[tuple[str, deque[OverdueItem]]] = deque(_by_org(left).items())
    while turns:
        org, items = turns.popleft()
        item = items[0]
        done = await _expire_share(units, call, item, until, found, left[item])
        left[item] -= done.promises
        if left[item] <= 0 or not done.more:
            # The missing ones were expired or released by another call.
            found["conflicts"] += max(0, left[item])
            items.popleft()
        if items:
            turns.append((org, items))


def _by_org(items: Iterable[OverdueItem]) -> dict[str, deque[OverdueItem]]:
    found: dict[str, deque[OverdueItem]] = {}
    for item in items:
        found.setdefault(item.orgcode, deque()).append(item)
    return found


async def _expire_share(
    units: Units, call: Call, item: OverdueItem, until: Utc, found: Counter[str], expected: int
) -> Expired:
    own = replace(within(call, item.orgcode), facility=item.logical_guid)
    try:
        done = await units.change(
            own, partial(expire_some, variant_id=item.variant_id, until=until, at_most=min(expected, BITE_HOLDERS))
        )
    except (Conflict, InvalidState, Unavailable):
        return Expired(0, 0, more=False)
    except Exception as problem:  # noqa: BLE001  one item's trouble is not the others'
        log.warning("overdue promises could not be expired", variant_id=item.variant_id, problem=repr(problem))
        found["errors"] += expected
        return Expired(expected, 0, more=False)
    found["expired"] += done.promises
    return done
