"""Holdbacks: units of a variant withheld from one channel or from all. They move no units, but lower what can be
promised.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from chassis.entity import Record
from chassis.values import Code, Guid, Id, Qty0, Reason, Utc

HoldbackStatus = Literal["scheduled", "active", "ended", "cleared"]

EVERY_CHANNEL = ""
"""The channel in index keys of a holdback that applies to every channel."""


class Holdback(Record):
    """Units withheld from `starts_utc` (None: at once) until `ends_utc` (None: without end). One per item and channel.

    `status` depends on the time: in events it is as of the write, in answers as of the read.
    """

    holdback_id: Id
    logical_guid: Guid
    variant_id: Guid
    channel_code: Code | None
    quantity: Qty0 = 0
    reason: Reason | None = None
    starts_utc: Utc | None = None
    ends_utc: Utc | None = None
    status: HoldbackStatus = "active"


def status_of(holdback: Holdback, now: Utc) -> HoldbackStatus:
    """The status of a holdback at `now`, from its quantity and times."""
    if holdback.quantity == 0:
        return "cleared"
    if holdback.starts_utc is not None and now < holdback.starts_utc:
        return "scheduled"
    if holdback.ends_utc is not None and now >= holdback.ends_utc:
        return "ended"
    return "active"


def seen(holdback: Holdback, now: Utc) -> Holdback:
    """The holdback with its status at `now`."""
    return replace(holdback, status=status_of(holdback, now))


def replaced(
    holdback: Holdback, quantity: int, reason: str | None, starts_utc: Utc | None, ends_utc: Utc | None
) -> Holdback:
    """The holdback with quantity, reason and times replaced; None clears a value."""
    return replace(holdback, quantity=quantity, reason=reason, starts_utc=starts_utc, ends_utc=ends_utc)


def channel_keys(channel_code: str | None) -> tuple[str, ...]:
    """The channel keys of the holdbacks that apply to a channel: its own and `EVERY_CHANNEL`; None: only the latter."""
    return (EVERY_CHANNEL,) if channel_code is None else (channel_code, EVERY_CHANNEL)


def held_back(holdbacks: Iterable[Holdback], channel_code: str | None, now: Utc) -> int:
    """Units that an item's active holdbacks withhold from a channel at `now`; None: only those of every channel."""
    counted = channel_keys(channel_code)
    return sum(
        holdback.quantity
        for holdback in holdbacks
        if (holdback.channel_code or EVERY_CHANNEL) in counted and status_of(holdback, now) == "active"
    )
