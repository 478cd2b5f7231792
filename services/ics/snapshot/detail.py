"""Pages of a snapshot's rows. The directory tells which parts can have matching rows; only those are read."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import to_builtins

from chassis.errors import invalid_field
from chassis.page import Page, Seal
from chassis.unit import View
from services.ics.snapshot.domain import Snapshot, SnapshotFilter, SnapshotRow, check_ready, part_id
from services.ics.snapshot.store import DIRECTORIES, PARTS

PARTS_MAX = 32
"""Maximum number of parts that one call reads; it then returns the rows found so far and a token for the rest."""

_TOGETHER = 4

# A snapshot never changes, so a token is just a position in it. The seal detects mistakes; it protects no secret.
_SEAL = Seal(b"snapshot rows")


class Start(NamedTuple):
    """Where a page starts: the part, and how many of its rows are on earlier pages."""

    part: int = 0
    skip: int = 0


def start_of(snapshot_id: str, wanted: SnapshotFilter, token: str | None) -> Start:
    """Where the page of a token starts. Raises `Invalid` naming `next_token` for a token of another query."""
    if token is None:
        return Start()
    match _SEAL.open(_asked(snapshot_id, wanted), token):
        case [int(part), int(skip)]:
            return Start(part, skip)
    raise invalid_field("next_token", "was not made for this query")


def _asked(snapshot_id: str, wanted: SnapshotFilter) -> object:
    return [snapshot_id, to_builtins(wanted)]


async def detail(view: View, snapshot: Snapshot, wanted: SnapshotFilter, size: int, begin: Start) -> Page[SnapshotRow]:
    """A page of up to `size` matching rows, in the order of the contract. By id. Raises `InvalidState` if the snapshot
    is not ready."""
    asked, (part, skip) = _asked(snapshot.snapshot_id, wanted), begin
    check_ready(snapshot)
    entries = (await view.load(DIRECTORIES, snapshot.snapshot_id)).entries
    shown = [entry.number for entry in entries if entry.number >= part and wanted.shows(entry)]
    found: list[SnapshotRow] = []
    for place, number in enumerate(shown[:PARTS_MAX]):
        if not place % _TOGETHER:
            await _expect(view, snapshot, shown[place : place + (_TOGETHER if place else 1)])
        rows = wanted.pick(await view.load(PARTS, part_id(snapshot.snapshot_id, number)))
        start = skip if number == part else 0
        taken = rows[start : start + size - len(found)]
        found += taken
        if len(found) == size:
            end = start + len(taken)
            following = (
                (number, end) if end < len(rows) else await _next_row(view, snapshot, wanted, shown[place + 1 :])
            )
            return _page(asked, found, following)
    following = (shown[PARTS_MAX], 0) if len(shown) > PARTS_MAX else None
    return _page(asked, found, following)


async def _expect(view: View, snapshot: Snapshot, numbers: Sequence[int]) -> None:
    view.prefetch(PARTS, [part_id(snapshot.snapshot_id, number) for number in numbers])


async def _next_row(
    view: View, snapshot: Snapshot, wanted: SnapshotFilter, numbers: Sequence[int]
) -> tuple[int, int] | None:
    """The part and row of the next match, or None. With a variant filter, each part must be read to find one."""
    if wanted.variant_id is None:
        return (numbers[0], 0) if numbers else None
    for number in numbers[:PARTS_MAX]:
        if wanted.pick(await view.load(PARTS, part_id(snapshot.snapshot_id, number))):
            return number, 0
    return (numbers[PARTS_MAX], 0) if len(numbers) > PARTS_MAX else None


def _page(asked: object, rows: list[SnapshotRow], following: tuple[int, int] | None) -> Page[SnapshotRow]:
    token = _SEAL.seal(asked, following) if following is not None else None
    return Page(items=rows, count=len(rows), next_token=token)
