"""Ranges that a page is read in, where a limited read costs as much as everything in its range (`quirks.py`).

The values of an order's first field are mapped to whole numbers, their places on a line. A page is read in ranges of
that line, as wide as earlier pages have shown its records to lie apart. Texts that cannot be mapped are read in ranges
with a common prefix. What is remembered changes only the cost of a read, never its result.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise, takewhile
from statistics import median_low
from string import Formatter
from typing import Any, Final, Generic, Protocol, TypeVar

from chassis.clock import Utc, from_seconds, to_millis
from chassis.frozen import Frozen
from chassis.ids import COUNTER_BITS, id_at, place_of
from chassis.mongo.query import Query
from chassis.unit import Range

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REMEMBERED_MAX = 4_096
"""Queries, and pages of queries, of which something is remembered."""

GROWTH = 8
"""How much wider a range is than the one before, which did not fill the page."""

CLOSE_MAX = 4_096
"""Up to this width a range may hold the end of a burst; a wider one reaches at least a unit far."""

GAP_MILLIS_DEFAULT = 50
SPAN_MILLIS_MAX = 10 * 365 * 24 * 3600 * 1000
NUMBERS_MAX = 1 << 30
"""Beyond these widths a range saves nothing: everything is read."""


class ValueScale(Protocol):
    """Values of a field as places on a line."""

    @property
    def unit(self) -> int:
        """The least distance worth a step across an empty range."""
        ...

    @property
    def span(self) -> int:
        """The width from which on all the rest is read."""
        ...

    def place(self, value: Any) -> int:
        """The place of a value. Raises `ValueError` for a value of another form."""
        ...

    def value(self, place: int) -> Any:
        """The least value at a place."""
        ...


class IdLine:
    """UUIDv7s, alone or with more text behind: milliseconds and the counter within them, as many are made in one."""

    unit = 1 << COUNTER_BITS
    span = SPAN_MILLIS_MAX << COUNTER_BITS

    def place(self, value: Any) -> int:
        """See `ValueScale`."""
        return place_of(value)

    def value(self, place: int) -> str:
        """See `ValueScale`."""
        return id_at(max(place, 0))


class TimeLine:
    """Times, in milliseconds."""

    unit = 1
    span = SPAN_MILLIS_MAX

    def place(self, value: Any) -> int:
        """See `ValueScale`."""
        return to_millis(Utc(value))

    def value(self, place: int) -> str:
        """See `ValueScale`."""
        return from_seconds(max(place, 0) / 1000)


class NumberLine:
    """Whole numbers."""

    unit = 1
    span = NUMBERS_MAX

    def place(self, value: Any) -> int:
        """See `ValueScale`."""
        return int(value)

    def value(self, place: int) -> int:
        """See `ValueScale`."""
        return place


class CountedLine:
    """Ids that begin with the same text and end in a number of fixed length."""

    unit = 1
    span = NUMBERS_MAX

    def __init__(self, head: str, digits: int) -> None:
        self._head = head
        self._digits = digits

    def place(self, value: Any) -> int:
        """See `ValueScale`."""
        return int(str(value).removeprefix(self._head))

    def value(self, place: int) -> str:
        """See `ValueScale`."""
        return f"{self._head}{max(place, 0):0{self._digits}d}"


_IDS: Final = IdLine()
_TIMES: Final = TimeLine()
_NUMBERS: Final = NumberLine()
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_COUNTED = re.compile(r"(.*/)(\d+)", re.DOTALL)


def line_of(query: Query, value: Any) -> ValueScale | None:
    """The line on which the values of a query's first order field lie, by one of them; None if they lie on none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBERS
    if not isinstance(value, str):
        return None
    if query.plan.order[0] != "_id":
        return _TIMES if query.plan.order[0].endswith("_utc") else None
    if _is_counted(query):
        parts = _COUNTED.fullmatch(value)
        return CountedLine(parts[1], len(parts[2])) if parts else None
    return _IDS if _ID.match(value) else None


def line_of_time(query: Query) -> ValueScale | None:
    """The line of a query whose newest records are likely to be of now; None for other orders."""
    field = query.plan.order[0]
    if field == "_id":
        return None if _is_counted(query) else _IDS
    return _TIMES if field.endswith("_utc") else None


def _is_counted(query: Query) -> bool:
    """Whether ids that are made of key fields differ in their last part alone."""
    pattern = query.table.entity.id_pattern
    heads = [field for _, field, _, _ in Formatter().parse(pattern) if field][:-1]
    return bool(heads) and all(head in query.plan.equal for head in heads)


class Spacing(Frozen):
    """How the records of a query lie on their line, by the pages that were read last.

    gap      half of the records lie at most so far apart
    pause    all of them do
    newest   the place of the newest record; None if unknown
    bottom   the place of the oldest record; None if unknown
    few      whether all records fitted one page
    """

    gap: int
    pause: int = 0
    newest: int | None = None
    bottom: int | None = None
    few: bool = False


def default_pace(line: ValueScale) -> Spacing:
    """The pace of a query of which nothing is known."""
    return Spacing(gap=GAP_MILLIS_DEFAULT * line.unit)


def pace_seen(known: Spacing, places: Sequence[int], *, first: bool, last: bool) -> Spacing:
    """The pace after a page with records at these places, newest first; `first` and `last` say which page it was."""
    gaps = [newer - older for newer, older in pairwise(places)]
    return Spacing(
        gap=_rounded(median_low(gaps)) if gaps else known.gap,
        pause=_rounded(max(gaps)) if gaps else known.pause,
        newest=max(places[0], known.newest or 0) if places else known.newest,
        bottom=places[-1] if places and last else known.bottom,
        few=first and last,
    )


def _rounded(gap: int) -> int:
    """The least power of two that is no smaller: a pace that changes rarely lets repeated runs read the same ranges."""
    return 1 << max(gap - 1, 0).bit_length()


class WideningRanges:
    """Ranges back from a place, each wider than the one before. `bottom`: the place of the oldest record, if known."""

    def __init__(self, line: ValueScale, pace: Spacing, start: int, *, bottom: int | None) -> None:
        self._line = line
        self._pace = pace
        self._place = start
        self._bottom = bottom or 0
        self._width = 0

    def floor(self, missing: int) -> Any:
        """The least value of the next range, if `missing` records are still to be found; None for all the rest."""
        self._width = self._wider() if self._width else missing * self._pace.gap
        self._place -= self._width
        if self._width >= self._line.span or self._place <= self._bottom:
            return None
        return self._line.value(self._place)

    def _wider(self) -> int:
        width = max(self._width * GROWTH, self._pace.pause)
        return width if width <= CLOSE_MAX else max(width, self._line.unit)


LAST_CHARACTER: Final = "\U0010ffff"


UNKNOWN_STEP = 4
"""Characters by which ranges of a query grow of which no page was read."""


def text_bounds(text: str, head: int | None, *, down: bool) -> Iterator[str]:
    """Where the ranges behind a text end: each holds what begins like it, with fewer characters than the one before.

    `head`: how many characters the texts of the last page had in common; None if no page was read.
    """
    step = UNKNOWN_STEP if head is None else 1
    longest = len(text) - step if head is None else min(head + 1, len(text) - 1)
    for size in range(longest, 0, -step):
        yield text[:size] if down else text[:size] + LAST_CHARACTER


def common_head(first: str, last: str) -> int:
    """How many characters two texts begin with together."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(first, last, strict=False)))


class Remembered(Generic[K, V]):
    """The newest `REMEMBERED_MAX` entries of a memory. Large runs use it from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """What is remembered."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def drop(self, key: K) -> None:
        """Forget an entry, if there is one."""
        self._entries.pop(key, None)

    def put(self, key: K, value: V) -> None:
        """Remember; the entry unused for longest is forgotten if there are too many."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > REMEMBERED_MAX:
                self._entries.popitem(last=False)


def within(down: bool, near: Any, far: Any) -> Range:
    """The range in reading direction from the value `near`, left out itself, to `far`; None: without end."""
    return Range(at_least=far, below=near) if down else Range(above=near, at_most=far)
