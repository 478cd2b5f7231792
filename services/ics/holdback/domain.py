"""Holdbacks: units of a variant kept from one channel, or from all. They move nothing; they lower promises."""

from collections.abc import Iterable
from typing import Literal

from msgspec.structs import replace

from chassis.entity import Record
from chassis.values import Code, Guid, Id, Qty0, Reason, Utc

HoldbackStatus = Literal["scheduled", "active", "ended", "cleared"]

EVERY_CHANNEL = ""
"""In keys, where a holdback names no channel."""


class Holdback(Record):
    """Units withheld, from `starts_utc` (None: at once) until `ends_utc` (None: for good). One a channel and item.

    `status` follows from the time: it is true of the moment the holdback was last written or, once `seen`, read.
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
    """What a holdback is at a moment: a matter of its quantity and the time."""
    if holdback.quantity == 0:
        return "cleared"
    if holdback.starts_utc is not None and now < holdback.starts_utc:
        return "scheduled"
    if holdback.ends_utc is not None and now >= holdback.ends_utc:
        return "ended"
    return "active"


def seen(holdback: Holdback, now: Utc) -> Holdback:
    """The holdback with the status it has at a moment."""
    return replace(holdback, status=status_of(holdback, now))


def replaced(
    holdback: Holdback, quantity: int, reason: str | None, starts_utc: Utc | None, ends_utc: Utc | None
) -> Holdback:
    """The holdback with all it says replaced as given; what is left out is none."""
    return replace(holdback, quantity=quantity, reason=reason, starts_utc=starts_utc, ends_utc=ends_utc)


def channel_keys(channel_code: str | None) -> tuple[str, ...]:
    """The channels whose holdbacks count for one: its own and every channel's; without one, every channel's only."""
    return (EVERY_CHANNEL,) if channel_code is None else (channel_code, EVERY_CHANNEL)


def held_back(holdbacks: Iterable[Holdback], channel_code: str | None, now: Utc) -> int:
    """Units withheld from a channel (None: from every channel only) at a moment, of one item's holdbacks."""
    counted = channel_keys(channel_code)
    return sum(
        holdback.quantity
        for holdback in holdbacks
        if (holdback.channel_code or EVERY_CHANNEL) in counted and status_of(holdback, now) == "active"
    )
