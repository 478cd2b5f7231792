"""What a call that names serials must say, and what a policy asks for. Pure."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from chassis.clock import Date
from chassis.errors import invalid_field
from services.ics.policy.domain import PolicyValues
from services.ics.serial.domain import SerialStatus
from services.ics.stock.fields import CALL_SERIALS_MAX
from services.ics.words import Bucket

STATUSES: Mapping[Bucket | None, tuple[SerialStatus, ...]] = {
    None: ("in_stock",),
    "available": ("in_stock",),
    "reserved": ("in_stock",),
    "committed": ("in_stock", "picked"),
    "quarantine": ("quarantined",),
    "damaged": ("damaged",),
    "consignment": ("consigned",),
    "in_transit": ("in_transit",),
}
"""Bucket -> the statuses of its serials; None: good stock, promised or not."""
ON_SHELF = STATUSES[None]

ON_HAND_STATUSES: tuple[SerialStatus, ...] = ("in_stock", "picked", "quarantined", "damaged", "consigned")
"""The statuses of serials that lie at a position."""


def serial_problems(
    serials: Sequence[str] | None, quantity: int | None, path: str = "serials"
) -> list[tuple[str, str]]:
    """Problems of a line's serials, as (field, message): their number must be the quantity, and none may repeat."""
    if serials is None:
        return []
    problems = []
    if quantity is not None and len(serials) != quantity:
        problems.append((path, f"names {len(serials)} serials for {quantity} units"))
    if len(set(serials)) != len(serials):
        problems.append((path, "names a serial twice"))
    return problems


def serial_problems_by_line(
    lines: Iterable[tuple[Hashable, Sequence[str] | None, int]], line: str = "line"
) -> list[tuple[str, str]]:
    """Problems of the serials of all lines, as (field, message). A line is (variant, serials, quantity); two lines of
    one variant must not name the same serial."""
    problems = []
    count = 0
    seen: set[tuple[Hashable, str]] = set()
    for number, (of, serials, quantity) in enumerate(lines):
        path = f"{line}s.{number}.serials"
        problems += serial_problems(serials, quantity, path)
        named = {(of, serial_no) for serial_no in serials or ()}
        if named & seen:
            problems.append((path, f"names a serial of another {line}"))
        seen |= named
        count += len(serials or ())
    if count > CALL_SERIALS_MAX:
        problems.append((f"{line}s", f"names {count} serials; a call may name {CALL_SERIALS_MAX}"))
    return problems


def date_problems(
    lot_code: str | None,
    serials: Sequence[str] | None,
    expiry_date: Date | None,
    manufacture_date: Date | None = None,
    path: str = "",
) -> list[tuple[str, str]]:
    """Problems of the dates of units that come in, as (field, message): they need a lot or serials."""
    if lot_code is not None or serials:
        return []
    given = {"expiry_date": expiry_date, "manufacture_date": manufacture_date}
    return [(f"{path}{name}", "goes with a lot_code or serials") for name, day in given.items() if day is not None]


def check_tracked(
    policy: PolicyValues,
    *,
    serials: Sequence[str] | None,
    lot_code: str | None = None,
    comes_in: bool = False,
    path: str = "",
) -> None:
    """Raises `Invalid` if a movement lacks what the policy tracks: serials in and out, lots only when units come in."""
    if policy.tracking == "serial" and not serials:
        raise invalid_field(f"{path}serials", "is required: the policy tracks serials")
    if policy.tracking == "lot" and comes_in and lot_code is None:
        raise invalid_field(f"{path}lot_code", "is required: the policy tracks lots")
