"""Orgs whose records are being deleted: until that ends, nothing else of SLC is changed for them."""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from chassis.clock import Utc, later
from chassis.entity import Document, Entity, index
from chassis.errors import InvalidState
from chassis.unit import Change

CLOSED_SECONDS_MAX = 30.0
"""A call that deletes works for 20 s at most. One that is cut off holds its org up no longer than this."""

P = ParamSpec("P")
T = TypeVar("T")


class ClosedOrg(Document):
    """An org that is being emptied, at the latest until then."""

    closed_id: str
    orgcode: str = ""
    until_utc: Utc


CLOSED_ORGS = Entity(
    "closed_org",
    ClosedOrg,
    collection="slc_closed_orgs",
    id="closed_id",
    shard_key=("orgcode",),
    indexes=[index("closed_id", name="org")],
    history=False,
    technical=True,
)


async def close_org(change: Change) -> None:
    """Close the org of the call. Raises `InvalidState` if it is being emptied already."""
    orgcode = change.call.orgcode
    known = await change.get(CLOSED_ORGS, orgcode)
    _check(known, change.now)
    closed = ClosedOrg(closed_id=orgcode, until_utc=later(change.now, CLOSED_SECONDS_MAX))
    await (change.insert if known is None else change.update)(CLOSED_ORGS, closed)


async def open_org(change: Change) -> None:
    """Open the org of the call again."""
    known = await change.get(CLOSED_ORGS, change.call.orgcode)
    if known is not None:
        await change.delete(CLOSED_ORGS, known)


def refused_while_emptied(handler: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A handler that takes `change` and raises `InvalidState` while its org is being emptied. Index: id."""

    place = list(signature(handler).parameters).index("change")

    @wraps(handler)
    async def checked(*arguments: P.args, **named: P.kwargs) -> T:
        change: Any = named["change"] if "change" in named else arguments[place]
        _check(await change.get(CLOSED_ORGS, change.call.orgcode), change.now)
        return await handler(*arguments, **named)

    return checked


def _check(known: ClosedOrg | None, now: Utc) -> None:
    if known is not None and known.until_utc > now:
        raise InvalidState("the records of the org are being deleted", until_utc=known.until_utc)
