"""What happens to promises: reserved, allocated, committed, picked, packed, shipped, released, expired."""

from typing import Any

from services.ics.allocation.handlers import (
    AllocationCreateRequest,
    AllocationExpireRequest,
    AllocationReleaseRequest,
    ics_allocation_create,
    ics_allocation_expire,
    ics_allocation_release,
)
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit.handlers import (
    CommitCreateRequest,
    CommitReleaseRequest,
    PackRecordRequest,
    PickRecordRequest,
    ShipRecordRequest,
    ics_commit_create,
    ics_commit_create_direct,
    ics_commit_release,
    ics_pack_record,
    ics_pick_record,
    ics_ship_record,
)
from services.ics.commit.store import COMMITS
from services.ics.reservation.handlers import (
    ReservationCreateRequest,
    ReservationExpireRequest,
    ReservationReleaseRequest,
    ics_reservation_create,
    ics_reservation_expire,
    ics_reservation_release,
)
from services.ics.reservation.store import RESERVATIONS
from tests.ics.histories.floor import Floor


class Promises(Floor):
    """The floor, and the calls that promise its units and keep the promises."""

    def reserve(self, facility: str) -> None:
        seconds = self.random.choice((5, 60, 10_000))
        body = ReservationCreateRequest(variant_id=self.variant(), quantity=self.some(), ttl_seconds=seconds)
        self.attempt(ics_reservation_create, body, facility, call=True)

    def release_reservation(self, facility: str) -> None:
        if (found := self.chosen(RESERVATIONS, facility)) is not None:
            body = ReservationReleaseRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
            )
            self.attempt(ics_reservation_release, body, facility)

    def expire(self, facility: str) -> None:
        if (found := self.chosen(RESERVATIONS, facility)) is not None:
            body = ReservationExpireRequest(reservation_id=found.reservation_id, expected_revision=found.revision)
            self.attempt(ics_reservation_expire, body, facility)
        if (other := self.chosen(ALLOCATIONS, facility)) is not None:
            again = AllocationExpireRequest(allocation_id=other.allocation_id, expected_revision=other.revision)
            self.attempt(ics_allocation_expire, again, facility)

    def allocate(self, facility: str) -> None:
        body = AllocationCreateRequest(
            variant_id=self.variant(), quantity=self.some(), order_ref="O-1", **self.pin(facility)
        )
        self.attempt(ics_allocation_create, body, facility, call=True)

    def allocate_reserved(self, facility: str) -> None:
        if (found := self.chosen(RESERVATIONS, facility)) is not None:
            body = AllocationCreateRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
                order_ref="O-1",
                ttl_seconds=60,
                **self.pin(facility),
            )
            self.attempt(ics_allocation_create, body, facility, call=True)

    def release_allocation(self, facility: str) -> None:
        if (found := self.chosen(ALLOCATIONS, facility)) is not None:
            body = AllocationReleaseRequest(
                allocation_id=found.allocation_id,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
            )
            self.attempt(ics_allocation_release, body, facility)

    def commit_direct(self, facility: str) -> None:
        body = CommitCreateRequest(variant_id=self.variant(), quantity=self.some(), order_ref="O-1")
        self.attempt(ics_commit_create_direct, body, facility, call=True)

    def commit(self, facility: str) -> None:
        allocated = self.random.random() < 0.5
        found = self.chosen(ALLOCATIONS if allocated else RESERVATIONS, facility)
        if found is not None:
            body = CommitCreateRequest(
                reservation_id=None if allocated else found.reservation_id,
                allocation_id=found.allocation_id if allocated else None,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
                order_ref="O-1",
            )
            self.attempt(ics_commit_create, body, facility)

    def pick(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            to_zone, to_bin = self.place(facility)
            body = PickRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.some(found.open),
                to_zone_id=to_zone,
                to_bin_id=to_bin,
                **self.pin(facility),
            )
            self.attempt(ics_pick_record, body, facility, call=True)

    def pack(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            zone, bin_id = self.place(facility) if self.random.random() < 0.4 else (None, None)
            body = PackRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.some(found.picked),
                zone_id=zone,
                bin_id=bin_id,
            )
            self.attempt(ics_pack_record, body, facility, call=True)

    def ship(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            stage: Any = self.random.choice(("open", "picked", "packed"))
            body = ShipRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.some(getattr(found, stage)),
                from_stage=stage,
            )
            self.attempt(ics_ship_record, body, facility, call=True)

    def release_commit(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            stage: Any = self.random.choice((None, "open", "picked", "packed"))
            there = getattr(found, stage) if stage else found.open + found.picked + found.packed
            body = CommitReleaseRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.part_of(there),
                stage=stage,
            )
            self.attempt(ics_commit_release, body, facility)
