"""What differs between an order and what was posted for it, and the next thing to do about it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from chassis.clock import Utc
from chassis.entity import Value
from services.slc.channel.config import OrderEffect
from services.slc.inbound.wanted import Returned, WantedLine
from services.slc.order.domain import LinePlace, Posting, StoredLine

StepKind = Literal["commit", "ship", "release", "return", "await", "unawait", "unsell"]


class Step(Value):
    """The next thing to do for a line at a location.

    commit, ship, release, return are postings; `await` notes units that wait for payment, `unawait` those that do so no
    more, `unsell` oversold units that are no longer wanted.

    moves        units by which the baseline moves: taken for commit and await, put back for the others
    commit       of release and ship: the commit, with `revision` as of ICS' last answer
    returned     of return: the refund line; None where it stands for a release of units that have shipped
    """

    kind: StepKind
    location_id: str
    quantity: int
    moves: int
    happened_utc: Utc
    commit: Posting | None = None
    returned: Returned | None = None


class Held(Value):
    """What is posted for a line at one location: units of each commit, and those without one."""

    commits: tuple[tuple[Posting, int], ...]
    place: LinePlace

    @property
    def units(self) -> int:
        """Units held, oversold ones too."""
        return sum(units for _, units in self.commits) + self.place.oversold


def is_standing_in(posting: Posting) -> bool:
    """Whether a return stands for the release of units that have shipped."""
    return posting.kind == "return" and posting.refund_line_id is None


def held_at(line: StoredLine | None, postings: Sequence[Posting]) -> dict[str, Held]:
    """What is posted for a line, by location. Refused postings count for nothing."""
    units: dict[str, int] = {}
    commits: dict[str, Posting] = {}
    for posting in postings:
        if posting.state == "refused" or posting.commit_id is None:
            continue
        if posting.kind == "commit":
            commits[posting.commit_id] = posting
            units[posting.commit_id] = units.get(posting.commit_id, 0) + posting.quantity
        elif posting.kind == "release" or is_standing_in(posting):
            units[posting.commit_id] = units.get(posting.commit_id, 0) - posting.quantity
    places = {place.location_id: place for place in (line.places if line else [])}
    found: dict[str, list[tuple[Posting, int]]] = {location_id: [] for location_id in places}
    for commit_id, commit in commits.items():
        if units[commit_id] > 0:
            found.setdefault(commit.location_id, []).append((commit, units[commit_id]))
    return {
        location_id: Held(commits=tuple(each), place=places.get(location_id, LinePlace(location_id=location_id)))
        for location_id, each in found.items()
    }


def next_step(
    wanted: WantedLine, line: StoredLine | None, postings: Sequence[Posting], effect: OrderEffect
) -> Step | None:
    """The next thing to do for a line; None once ICS holds what the order says. No posting of it is open."""
    held = held_at(line, postings)
    for location_id in dict.fromkeys([*held, *wanted.held, *wanted.awaiting]):
        have = held.get(location_id) or Held(commits=(), place=LinePlace(location_id=location_id))
        step = _step_at(location_id, wanted, have, postings)
        if step is not None:
            return step
    if effect == "ship" and (step := _ship(wanted, held.values(), postings)) is not None:
        return step
    return _return(wanted, postings)


def _step_at(location_id: str, wanted: WantedLine, have: Held, postings: Sequence[Posting]) -> Step | None:
    want, want_awaiting = wanted.held.get(location_id, 0), wanted.awaiting.get(location_id, 0)
    paid = max(0, have.place.awaiting - want_awaiting)
    if (more := want - have.units) > 0:
        # Units that waited for payment have left the baseline already.
        return Step(
            kind="commit",
            location_id=location_id,
            quantity=more,
            moves=max(0, more - paid),
            happened_utc=wanted.created_utc,
        )
    if (less := have.units - want) > 0:
        return _less(location_id, wanted, have, less, postings)
    if paid:
        moves = min(paid, wanted.cancelled)
        return Step(
            kind="unawait", location_id=location_id, quantity=paid, moves=moves, happened_utc=wanted.restocked_utc
        )
    if (waits := want_awaiting - have.place.awaiting) > 0:
        return Step(kind="await", location_id=location_id, quantity=waits, moves=waits, happened_utc=wanted.created_utc)
    return None


def _less(location_id: str, wanted: WantedLine, have: Held, less: int, postings: Sequence[Posting]) -> Step:
    """Oversold units go first, then those of the newest commit."""
    kind: StepKind = "unsell"
    commit: Posting | None = None
    if have.place.oversold:
        units = min(less, have.place.oversold)
    else:
        commit, there = have.commits[-1]
        kind, units = releasing(commit, min(less, there), postings)
    return Step(
        kind=kind,
        location_id=location_id,
        quantity=units,
        moves=units,
        happened_utc=wanted.restocked_utc,
        commit=commit,
    )


def releasing(commit: Posting, units: int, postings: Sequence[Posting]) -> tuple[StepKind, int]:
    """How units of a commit are given back: released as far as ICS said it can, else received back as they shipped."""
    refused = [each for each in postings if each.commit_id == commit.commit_id and each.releasable is not None]
    if not refused:
        return "release", units
    last = refused[-1]
    since = sum(
        each.quantity
        for each in postings
        if each.commit_id == commit.commit_id
        and each.kind == "release"
        and each.state == "confirmed"
        and each.n > last.n
    )
    left = max(0, (last.releasable or 0) - since)
    return ("release", min(units, left)) if left else ("return", units)


def revision_of(commit: Posting, postings: Sequence[Posting]) -> int | None:
    """The revision of a commit as of ICS' last answer."""
    known = [each for each in postings if each.commit_id == commit.commit_id and each.commit_revision is not None]
    return max(known, key=lambda each: each.n).commit_revision if known else None


def _ship(wanted: WantedLine, held: Iterable[Held], postings: Sequence[Posting]) -> Step | None:
    """Ship committed units that are not shipped yet, where an order ships at once."""
    shipped: Counter[str] = Counter()
    for posting in postings:
        if posting.kind == "ship" and posting.state != "refused" and posting.commit_id:
            shipped[posting.commit_id] += posting.quantity
    for have in held:
        for commit, units in have.commits:
            left = units - shipped[commit.commit_id or ""]
            if left > 0:
                return Step(
                    kind="ship",
                    location_id=commit.location_id,
                    quantity=left,
                    moves=0,
                    happened_utc=wanted.created_utc,
                    commit=commit,
                )
    return None


def _return(wanted: WantedLine, postings: Sequence[Posting]) -> Step | None:
    back: Counter[str] = Counter()
    for posting in postings:
        if posting.kind == "return" and posting.state != "refused" and posting.refund_line_id:
            back[posting.refund_line_id] += posting.quantity
    for each in wanted.returned:
        left = each.quantity - back[each.refund_line_id]
        if left > 0:
            return Step(
                kind="return",
                location_id=each.location_id or next(iter(wanted.held), ""),
                quantity=left,
                moves=left,
                happened_utc=each.created_utc,
                returned=each,
            )
    return None


def posted_units(line: StoredLine | None, postings: Sequence[Posting]) -> dict[str, int]:
    """Units held or awaiting, by location, before anything is done."""
    return {location_id: have.units + have.place.awaiting for location_id, have in held_at(line, postings).items()}


def with_place(line: StoredLine, location_id: str, *, oversold: int = 0, awaiting: int = 0) -> list[LinePlace]:
    """The places of a line with more, or fewer, units at one of them; empty ones are left out."""
    places = {place.location_id: place for place in line.places}
    before = places.get(location_id, LinePlace(location_id=location_id))
    places[location_id] = LinePlace(
        location_id=location_id, oversold=before.oversold + oversold, awaiting=before.awaiting + awaiting
    )
    return [place for place in places.values() if place.oversold or place.awaiting]


def state_of(
    lines: Sequence[StoredLine], *, is_failed: bool, is_open: bool, ignored: Mapping[str, bool]
) -> Literal["failed", "oversold", "ignored", "partial", "booked"]:
    """The state of an order record: the first that applies."""
    if is_failed:
        return "failed"
    if any(line.oversold for line in lines):
        return "oversold"
    if lines and all(ignored[line.line_id] for line in lines):
        return "ignored"
    if is_open or any(line.awaiting or ignored[line.line_id] for line in lines):
        return "partial"
    return "booked"
