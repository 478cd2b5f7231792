"""Deleting everything SLC holds of an org."""

from time import monotonic
from typing import Any

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.entity import Entity
from chassis.errors import InvalidState, invalid_field
from chassis.unit import Change, Units, View
from services.slc.audit.store import AUDIT
from services.slc.channel.store import CHANNELS, org_channels
from services.slc.closing.store import close_org, open_org
from services.slc.lifecycle.erasing import OWNED
from services.slc.vacuum.events import OrgVacuum
from services.slc.words import MANAGE, Confirmation, ErasedCollection

endpoints = Endpoints("slc")

RUN_SECONDS = 20.0
BITE_RECORDS = 200

ALL: tuple[Entity[Any], ...] = (*OWNED, AUDIT, CHANNELS)
"""Every kind of record of an org; channels go last, so that a vacuum that was cut off can be called again."""


class VacuumOrgRequest(Request):
    confirmation_phrase: Confirmation
    dry_run: bool | None = None


class VacuumOrgAnswer(Answer):
    vacuum: OrgVacuum


async def erase_org(call: Call, body: VacuumOrgRequest, units: Units) -> OrgVacuum:
    """Erase an org's records for at most 20 seconds, or count them. Raises `Invalid`, `InvalidState`."""
    phrase = f"VACUUM SLC {call.orgcode} PERMANENTLY"
    if body.confirmation_phrase != phrase:
        raise invalid_field("confirmation_phrase", f"must be {phrase}")

    await units.view(call, _check_inactive)
    if body.dry_run:
        counted = {entity.collection: await _counted(units, call, entity) for entity in ALL}
        return _vacuum(counted, dry_run=True, completed=True)
    await units.change(call, _close)
    try:
        deleted, completed = await _erased(units, call)
    finally:
        await units.change(call, open_org)
    return _vacuum(deleted, dry_run=False, completed=completed)


async def _check_inactive(view: View) -> None:
    """Raise `InvalidState`, naming them, if channels of the org are active or paused."""
    channel_ids = [each.channel_id for each in await org_channels(view, ("active", "paused"))]
    if channel_ids:
        raise InvalidState("a channel is active or paused", channel_ids=channel_ids)


async def _close(change: Change) -> None:
    await _check_inactive(change)
    await close_org(change)


async def _erased(units: Units, call: Call) -> tuple[dict[str, int], bool]:
    """Delete the org's records as long as there is time: collection -> deleted, and whether all are gone."""
    ends_at = monotonic() + RUN_SECONDS
    deleted = dict.fromkeys((entity.collection for entity in ALL), 0)
    for entity in ALL:
        while True:
            number = await units.change(call, _bite(entity, call.orgcode))
            deleted[entity.collection] += number
            if number < BITE_RECORDS:
                break
            if monotonic() > ends_at:
                return deleted, False
    return deleted, True


def _bite(entity: Entity[Any], orgcode: str) -> Any:
    async def erase(change: Change) -> int:
        records = await change.find(entity, _where(entity, orgcode), limit=BITE_RECORDS)
        for each in records:
            await change.delete(entity, each)
        return len(records)

    return erase


async def _counted(units: Units, call: Call, entity: Entity[Any]) -> int:
    number = 0
    async with units.snapshot_reader(call, moment=False) as reader:
        async for part in reader.parts(entity, _where(entity, call.orgcode), fields=["orgcode"]):
            number += len(part)
    return number


def _where(entity: Entity[Any], orgcode: str) -> dict[str, Any]:
    """The org's records; the engine adds the org itself where the entity belongs to one."""
    return {} if entity.org_scoped else {"orgcode": orgcode}


def _vacuum(numbers: dict[str, int], *, dry_run: bool, completed: bool) -> OrgVacuum:
    total = sum(numbers.values())
    return OrgVacuum(
        dry_run=dry_run,
        completed=completed,
        matched=total,
        deleted=0 if dry_run else total,
        collections=[
            ErasedCollection(collection=name, matched=number, deleted=0 if dry_run else number)
            for name, number in sorted(numbers.items())
            if number
        ],
    )


@endpoints.post(
    "/slc",
    action="vacuum/org",
    roles=MANAGE,
    emits=["slc.org.vacuumed"],
    prepare=erase_org,
    refusals={
        "validation-error": "the phrase differs",
        "invalid-state": "a channel is active or paused; details.channel_ids",
    },
)
async def slc_vacuum_org(call: Call, change: Change, body: VacuumOrgRequest, prepared: OrgVacuum) -> VacuumOrgAnswer:
    """Delete every record SLC holds of the org, audit records too, for at most 20 seconds."""
    if not body.dry_run:
        change.emit("slc.org.vacuumed", call.orgcode, revision=0, vacuum=prepared)
    return VacuumOrgAnswer(vacuum=prepared)
