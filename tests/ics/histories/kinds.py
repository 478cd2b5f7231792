"""The kinds of records that have a get and a list, and what the filters of each list are compared with."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chassis.clock import later
from chassis.entity import Entity
from services.ics.allocation.reading import (
    AllocationGetRequest,
    AllocationListRequest,
    ics_allocation_get,
    ics_allocation_list,
)
from services.ics.allocation.store import ALLOCATIONS
from services.ics.bin.handlers import BinGetRequest, BinListRequest, ics_bin_get, ics_bin_list
from services.ics.bin.store import BINS
from services.ics.commit.reading import CommitGetRequest, CommitListRequest, ics_commit_get, ics_commit_list
from services.ics.commit.store import COMMITS
from services.ics.consignment.reading import (
    ConsignmentGetRequest,
    ConsignmentListRequest,
    ics_consignment_get,
    ics_consignment_list,
)
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.count.reading import CountGetRequest, CountListRequest, ics_count_get, ics_count_list
from services.ics.count.store import COUNTS
from services.ics.receive.handlers import ReceiveGetRequest, ReceiveListRequest, ics_receive_get, ics_receive_list
from services.ics.receive.store import RECEIPTS
from services.ics.replenishment.handlers import (
    ReplenishmentRuleGetRequest,
    ReplenishmentRuleListRequest,
    ics_replenishment_rule_get,
    ics_replenishment_rule_list,
)
from services.ics.replenishment.store import RULES
from services.ics.reservation.reading import (
    ReservationGetRequest,
    ReservationListRequest,
    ics_reservation_get,
    ics_reservation_list,
)
from services.ics.reservation.store import RESERVATIONS
from services.ics.transfer.handlers import (
    TransferRequestGetRequest,
    TransferRequestListRequest,
    ics_transfer_request_get,
    ics_transfer_request_list,
)
from services.ics.transfer.shipping import (
    TransferShipmentGetRequest,
    TransferShipmentListRequest,
    ics_transfer_shipment_get,
    ics_transfer_shipment_list,
)
from services.ics.transfer.store import SHIPMENTS, TRANSFERS
from services.ics.zone.handlers import ZoneGetRequest, ZoneListRequest, ics_zone_get, ics_zone_list
from services.ics.zone.store import ZONES


class Filter(NamedTuple):
    """A filter of a list: a value that a record matches (None: there is none), and whether a record matches a value."""

    of: Callable[[Any], Any]
    fits: Callable[[Any, Any], bool]


def _is(name: str) -> Filter:
    return Filter(lambda record: getattr(record, name), lambda record, value: getattr(record, name) == value)


def _before(name: str) -> Filter:
    """A time that the field is earlier than."""
    return Filter(
        lambda record: later(getattr(record, name), 1) if getattr(record, name) else None,
        lambda record, value: bool(getattr(record, name)) and getattr(record, name) < value,
    )


def _on_a_line(name: str) -> Filter:
    return Filter(
        lambda record: getattr(record.lines[0], name),
        lambda record, value: any(getattr(line, name) == value for line in record.lines),
    )


def _fields(*names: str) -> dict[str, Filter]:
    return {name: _is(name) for name in names}


class Kind(NamedTuple):
    """A kind of record that has a get and a list."""

    name: str
    entity: Entity[Any]
    get: tuple[Any, Any]
    list: tuple[Any, Any]
    filters: Mapping[str, Filter]
    together: Callable[[Any, Mapping[str, Any]], bool] = lambda _, __: True
    """Whether a record matches several filters that belong together."""

    def id_of(self, shown: Any) -> str:
        """The id of a record."""
        found: str = getattr(shown, self.entity.id)
        return found

    def fits(self, record: Any, wanted: Mapping[str, Any]) -> bool:
        """Whether a list under these filters shows the record."""
        return all(self.filters[name].fits(record, value) for name, value in wanted.items()) and self.together(
            record, wanted
        )


def _one_line(count: Any, wanted: Mapping[str, Any]) -> bool:
    """A variant and a zone are those of one line."""
    names = [name for name in ("variant_id", "zone_id") if name in wanted]
    return not names or any(all(getattr(line, name) == wanted[name] for name in names) for line in count.lines)


_PROMISED = ("logical_guid", "channel_code", "variant_id", "status")

KINDS = (
    Kind(
        "reservation",
        RESERVATIONS,
        (ics_reservation_get, ReservationGetRequest),
        (ics_reservation_list, ReservationListRequest),
        {**_fields(*_PROMISED, "demand_type", "demand_ref"), "expires_before": _before("expires_utc")},
    ),
    Kind(
        "allocation",
        ALLOCATIONS,
        (ics_allocation_get, AllocationGetRequest),
        (ics_allocation_list, AllocationListRequest),
        {**_fields(*_PROMISED, "order_ref", "reservation_id"), "expires_before": _before("expires_utc")},
    ),
    Kind(
        "commit",
        COMMITS,
        (ics_commit_get, CommitGetRequest),
        (ics_commit_list, CommitListRequest),
        {**_fields(*_PROMISED, "order_ref", "reservation_id", "allocation_id"), "due_before": _before("due_utc")},
    ),
    Kind(
        "receive",
        RECEIPTS,
        (ics_receive_get, ReceiveGetRequest),
        (ics_receive_list, ReceiveListRequest),
        {
            **_fields("logical_guid", "status", "source", "source_ref"),
            "variant_id": _on_a_line("variant_id"),
            "to_utc": _before("created_utc"),
        },
    ),
    Kind(
        "count",
        COUNTS,
        (ics_count_get, CountGetRequest),
        (ics_count_list, CountListRequest),
        {
            **_fields("logical_guid", "status", "plan_id"),
            "variant_id": _on_a_line("variant_id"),
            "zone_id": _on_a_line("zone_id"),
        },
        _one_line,
    ),
    Kind(
        "consignment",
        CONSIGNMENTS,
        (ics_consignment_get, ConsignmentGetRequest),
        (ics_consignment_list, ConsignmentListRequest),
        {
            **_fields("logical_guid", "variant_id", "consignor_ref", "status"),
            "owing": Filter(lambda kept: kept.owed > 0, lambda kept, value: (kept.owed > 0) == value),
        },
    ),
    Kind(
        "transfer",
        TRANSFERS,
        (ics_transfer_request_get, TransferRequestGetRequest),
        (ics_transfer_request_list, TransferRequestListRequest),
        {
            **_fields("from_logical_guid", "to_logical_guid", "status", "code"),
            "variant_id": _on_a_line("variant_id"),
        },
    ),
    Kind(
        "shipment",
        SHIPMENTS,
        (ics_transfer_shipment_get, TransferShipmentGetRequest),
        (ics_transfer_shipment_list, TransferShipmentListRequest),
        _fields("transfer_id", "from_logical_guid", "to_logical_guid", "status"),
    ),
    Kind(
        "zone",
        ZONES,
        (ics_zone_get, ZoneGetRequest),
        (ics_zone_list, ZoneListRequest),
        _fields("logical_guid", "code", "purpose", "status"),
    ),
    Kind(
        "bin",
        BINS,
        (ics_bin_get, BinGetRequest),
        (ics_bin_list, BinListRequest),
        _fields("logical_guid", "zone_id", "code", "status"),
    ),
    Kind(
        "rule",
        RULES,
        (ics_replenishment_rule_get, ReplenishmentRuleGetRequest),
        (ics_replenishment_rule_list, ReplenishmentRuleListRequest),
        _fields("logical_guid", "variant_id", "pick_zone_id", "status"),
    ),
)
KIND_OF = {kind.name: kind for kind in KINDS}
