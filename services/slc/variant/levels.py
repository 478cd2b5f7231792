"""The seven rules of quantities, as pure functions of one level: what is written, and what bookings and reads change.

A level has the baseline b (the quantity both sides last agreed on) and the unseen units u (they left the shop without a
known order). The target t is what ICS allows the shop to show; what is written is e = max(0, t - u).
"""

from msgspec.structs import replace

from chassis.clock import Utc, later
from services.slc.variant.domain import StoredLevel

CATCH_UP_LAG_SECONDS = 30.0
"""Shopify's order search lags behind its orders: a catch-up explains only what was noted so long before it began."""

STALE_DELAYS_SECONDS = (2.0, 4.0, 8.0)
"""How long a job is put back after each stale write of a round, so that orders on their way are booked."""

ROUNDS_MAX = 8
"""Rounds of stale writes after which the job counts a failed attempt."""


def target_of(level: StoredLevel, units: int, *, buffer: int, cap: int | None, online: bool) -> int:
    """The quantity that the shop may show, from the units that ICS promises at the location."""
    if not online:
        return 0
    target = max(0, units - level.oversold - level.awaiting - buffer)
    return target if cap is None else min(target, cap)


def wanted(level: StoredLevel, target: int) -> int:
    """The quantity to write: the target without the units that left unseen."""
    return max(0, target - level.unseen)


def first_seen(level: StoredLevel, shown: int, now: Utc) -> StoredLevel:
    """The level after its first read, or its activation: rule 1."""
    return replace(level, baseline=shown, since_utc=now)


def taken_over(level: StoredLevel, shown: int, now: Utc) -> StoredLevel:
    """The level after what the shop shows was taken over; units that are missing there count as unseen."""
    assert level.baseline is not None, level
    missing = level.baseline - shown
    if missing <= 0:
        return replace(level, baseline=shown)
    return replace(level, baseline=shown, unseen=level.unseen + missing, unseen_utc=now)


def written(level: StoredLevel, quantity: int, compared: int, now: Utc) -> StoredLevel:
    """The level after a write was done: rule 3. A booking may have moved the baseline meanwhile."""
    assert level.baseline is not None, level
    moved = level.baseline + quantity - compared
    return replace(level, baseline=moved, written_utc=now, stale_tries=0, stale_rounds=0)


def stale(level: StoredLevel) -> tuple[StoredLevel, float | None]:
    """The level after a write was refused as stale, and seconds to put the job back; None: read and take over now."""
    tries = level.stale_tries
    if tries < len(STALE_DELAYS_SECONDS):
        return replace(level, stale_tries=tries + 1), STALE_DELAYS_SECONDS[tries]
    return replace(level, stale_tries=0, stale_rounds=level.stale_rounds + 1), None


def booked(level: StoredLevel, units: int, created_utc: Utc) -> StoredLevel:
    """The level after ICS has answered for units of an order line, oversold ones too, or units became awaiting: rule 6.

    `created_utc` is when Shopify made the order: the first read held what was ordered before it.
    """
    if _held_already(level, created_utc):
        return level
    assert level.baseline is not None
    explained = min(level.unseen, units)
    return replace(level, unseen=level.unseen - explained, baseline=level.baseline - (units - explained))


def restocked(level: StoredLevel, units: int, created_utc: Utc) -> StoredLevel:
    """The level after units came back to stock in the shop; `created_utc` is when Shopify made the refund."""
    if _held_already(level, created_utc):
        return level
    assert level.baseline is not None
    return replace(level, baseline=level.baseline + units)


def explained(level: StoredLevel, caught_up_utc: Utc) -> StoredLevel:
    """The level after a catch-up that began then has ended well: rule 7. What it did not find was no sale."""
    if not level.unseen or level.unseen_utc is None or caught_up_utc < settles_at(level):
        return level
    return replace(level, unseen=0, unseen_utc=None)


def settles_at(level: StoredLevel) -> Utc:
    """When a catch-up may begin that explains the unseen units."""
    assert level.unseen_utc is not None, level
    return later(Utc(level.unseen_utc), CATCH_UP_LAG_SECONDS)


def _held_already(level: StoredLevel, created_utc: Utc) -> bool:
    """Whether the first read of the level held this movement, or there was none yet."""
    return level.baseline is None or level.since_utc is None or created_utc <= level.since_utc
