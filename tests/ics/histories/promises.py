"""What happens to promises: reserved, allocated, committed, picked, packed, shipped, released, expired."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from chassis.clock import later
from services.ics.allocation.domain import Allocation
from services.ics.allocation.handlers import (
    AllocationCreateRequest,
    AllocationExpireRequest,
    AllocationReleaseRequest,
    ics_allocation_create,
    ics_allocation_expire,
    ics_allocation_release,
)
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit.domain import Commit
from services.ics.commit.fulfilment import (
    PackRecordRequest,
    PickRecordRequest,
    ShipRecordRequest,
    ics_pack_record,
    ics_pick_record,
    ics_ship_record,
)
from services.ics.commit.handlers import (
    CommitCreateRequest,
    CommitReleaseRequest,
    ics_commit_create,
    ics_commit_create_direct,
    ics_commit_release,
)
from services.ics.commit.store import COMMITS
from services.ics.reservation.domain import Reservation
from services.ics.reservation.handlers import (
    ReservationCreateRequest,
    ReservationExpireRequest,
    ReservationExtendRequest,
    ReservationReleaseRequest,
    ics_reservation_create,
    ics_reservation_expire,
    ics_reservation_extend,
    ics_reservation_release,
)
from services.ics.reservation.store import RESERVATIONS
from tests.ics.histories.machine import FACILITY, PART, PIN, PIN_LOT, PLACE, UNITS, VARIANT, WHICH, HistoryMachine, some

SECONDS = st.sampled_from((5, 60, 10_000))
STAGE = st.sampled_from(("open", "picked", "packed"))


def open_units(commit: Commit) -> int:
    """Units of a commit to be picked."""
    return commit.open


def picked_units(commit: Commit) -> int:
    """Units of a commit to be packed."""
    return commit.picked


def any_units(commit: Commit) -> int:
    """Units of a commit that are still here."""
    return commit.open + commit.picked + commit.packed


def whole(promise: Reservation | Allocation) -> int:
    """Units that wait for the next step."""
    return promise.remaining


class Promises(HistoryMachine):
    """The calls that promise units, and keep the promises."""

    def promise(self, handler: Any, body: Any, facility: str) -> None:
        """8, 18, 19: a promise that says only how many succeeds exactly when so many are promisable."""
        most = self.checks.promisable(facility, body.variant_id)
        answer = self.attempt(handler, body, facility)
        assert (answer is not None) == (body.quantity <= most), (body, most)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, seconds=SECONDS)
    def reserve(self, facility: str, variant: str, units: int, seconds: int) -> None:
        named = {"demand_type": "order", "demand_ref": self.order_ref()} if units % 2 else {}
        body = ReservationCreateRequest(variant_id=variant, quantity=units, ttl_seconds=seconds, **named)  # type: ignore[arg-type]
        self.promise(ics_reservation_create, body, facility)

    @rule(facility=FACILITY, variant=VARIANT, over=st.sampled_from((0, 0, 1)))
    def reserve_all(self, facility: str, variant: str, over: int) -> None:
        """All that can be promised, or one more than that."""
        units = self.checks.promisable(facility, variant) + over
        if units:
            self.promise(ics_reservation_create, ReservationCreateRequest(variant_id=variant, quantity=units), facility)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, seconds=SECONDS)
    def allocate(self, facility: str, variant: str, units: int, seconds: int) -> None:
        body = AllocationCreateRequest(
            variant_id=variant, quantity=units, order_ref=self.order_ref(), ttl_seconds=seconds
        )
        self.promise(ics_allocation_create, body, facility)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, place=PIN, lot=PIN_LOT)
    def allocate_pinned(self, facility: str, variant: str, units: int, place: str | None, lot: str | None) -> None:
        most = self.checks.promisable(facility, variant)
        body = AllocationCreateRequest(
            variant_id=variant, quantity=units, order_ref=self.order_ref(), **self.pin(facility, place, lot)
        )
        if self.attempt(ics_allocation_create, body, facility):
            assert units <= most

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS)
    def commit_direct(self, facility: str, variant: str, units: int) -> None:
        due = later(self.now, 3600) if units % 2 else None
        body = CommitCreateRequest(variant_id=variant, quantity=units, order_ref=self.order_ref(), due_utc=due)
        self.promise(ics_commit_create_direct, body, facility)

    @some(RESERVATIONS, whole)
    @rule(which=WHICH, units=PART)
    def release_reservation(self, which: int, units: int | None) -> None:
        if found := self.nth(RESERVATIONS, which):
            body = ReservationReleaseRequest(
                reservation_id=found.reservation_id, expected_revision=found.revision, quantity=units
            )
            self.attempt(ics_reservation_release, body, found.logical_guid)

    @some(RESERVATIONS, whole)
    @rule(which=WHICH, seconds=st.none() | SECONDS)
    def extend_reservation(self, which: int, seconds: int | None) -> None:
        """19: what is overdue is not held any longer."""
        if found := self.nth(RESERVATIONS, which):
            body = ReservationExtendRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                expires_utc=later(self.now, seconds) if seconds is not None else None,
            )
            if answer := self.attempt(ics_reservation_extend, body, found.logical_guid):
                assert found.expires_utc > self.now
                assert answer.reservation.expires_utc > found.expires_utc
                assert answer.reservation.positions == found.positions

    @some(RESERVATIONS, whole)
    @rule(which=WHICH, punctual=st.booleans())
    def expire_reservation(self, which: int, punctual: bool) -> None:
        if found := self.nth(RESERVATIONS, which):
            self.wait_for(found.expires_utc, punctual)
            body = ReservationExpireRequest(reservation_id=found.reservation_id, expected_revision=found.revision)
            self.attempt(ics_reservation_expire, body, found.logical_guid)

    @some(ALLOCATIONS, whole)
    @rule(which=WHICH, punctual=st.booleans())
    def expire_allocation(self, which: int, punctual: bool) -> None:
        if found := self.nth(ALLOCATIONS, which):
            self.wait_for(found.expires_utc, punctual)
            body = AllocationExpireRequest(allocation_id=found.allocation_id, expected_revision=found.revision)
            self.attempt(ics_allocation_expire, body, found.logical_guid)

    def wait_for(self, moment: Any, punctual: bool) -> None:
        """Let time pass until a moment, if it is to come."""
        while punctual and self.now < moment:
            self.memory.clock.advance(60 if later(self.now, 60) <= moment else 1)

    @some(RESERVATIONS, whole)
    @rule(which=WHICH, units=PART, place=PIN, lot=PIN_LOT)
    def allocate_reserved(self, which: int, units: int | None, place: str | None, lot: str | None) -> None:
        if found := self.nth(RESERVATIONS, which):
            body = AllocationCreateRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                quantity=units,
                order_ref=self.order_ref(),
                ttl_seconds=60,
                **self.pin(found.logical_guid, place, lot),
            )
            self.attempt(ics_allocation_create, body, found.logical_guid)

    @some(ALLOCATIONS, whole)
    @rule(which=WHICH, units=PART)
    def release_allocation(self, which: int, units: int | None) -> None:
        if found := self.nth(ALLOCATIONS, which):
            body = AllocationReleaseRequest(
                allocation_id=found.allocation_id, expected_revision=found.revision, quantity=units
            )
            self.attempt(ics_allocation_release, body, found.logical_guid)

    @some(RESERVATIONS, whole)
    @rule(which=WHICH, units=PART)
    def commit_reserved(self, which: int, units: int | None) -> None:
        if found := self.nth(RESERVATIONS, which):
            body = CommitCreateRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                quantity=units,
                order_ref=self.order_ref(),
            )
            self.attempt(ics_commit_create, body, found.logical_guid)

    @some(ALLOCATIONS, whole)
    @rule(which=WHICH, units=PART)
    def commit_allocated(self, which: int, units: int | None) -> None:
        if found := self.nth(ALLOCATIONS, which):
            body = CommitCreateRequest(
                allocation_id=found.allocation_id, expected_revision=found.revision, quantity=units
            )
            if answer := self.attempt(ics_commit_create, body, found.logical_guid):
                assert answer.commit.reservation_id == found.reservation_id

    @some(COMMITS, open_units)
    @rule(which=WHICH, units=PART, place=PIN, lot=PIN_LOT, to=PLACE)
    def pick(self, which: int, units: int | None, place: str | None, lot: str | None, to: str) -> None:
        if found := self.nth(COMMITS, which, open_units):
            facility = found.logical_guid
            quantity, serials = self.named(facility, found.variant_id, min(units or 9, found.open) or 1, "in_stock")
            body = PickRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=quantity,
                serials=serials,
                **self.pin(facility, place, lot),
                **self.target(facility, to),
            )
            self.attempt(ics_pick_record, body, facility)

    @some(COMMITS, picked_units)
    @rule(which=WHICH, units=PART, place=PIN)
    def pack(self, which: int, units: int | None, place: str | None) -> None:
        if found := self.nth(COMMITS, which, picked_units):
            zone, bin_id = self.places[found.logical_guid, place or "nowhere"]
            body = PackRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=min(units or 9, found.picked) or 1,
                zone_id=zone,
                bin_id=bin_id,
            )
            self.attempt(ics_pack_record, body, found.logical_guid)

    @some(COMMITS, any_units)
    @rule(which=WHICH, units=PART, stage=STAGE)
    def ship(self, which: int, units: int | None, stage: Any) -> None:
        if found := self.nth(COMMITS, which, lambda commit: getattr(commit, stage)):
            quantity, serials = min(units or 9, getattr(found, stage)) or 1, None
            if stage == "open":
                quantity, serials = self.named(found.logical_guid, found.variant_id, quantity, "in_stock")
            body = ShipRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=quantity,
                from_stage=stage,
                serials=serials,
            )
            self.attempt(ics_ship_record, body, found.logical_guid)

    @some(COMMITS, any_units)
    @rule(which=WHICH, units=PART, stage=st.none() | STAGE)
    def release_commit(self, which: int, units: int | None, stage: Any) -> None:
        if found := self.nth(COMMITS, which):
            body = CommitReleaseRequest(
                commit_id=found.commit_id, expected_revision=found.revision, quantity=units, stage=stage
            )
            self.attempt(ics_commit_release, body, found.logical_guid)
