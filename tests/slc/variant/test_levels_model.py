"""Random histories of one level: worker, shopper, bookings, catch-up, warehouse, staff and lost answers in turns.

Every reading and every call of the worker is a step of its own, so that anything may happen in between. After each
write the shop shows at most what may be sold, and in the end both sides are equal. `LEVEL_HISTORIES=10000` runs more.
"""

import os
import random
from collections.abc import Iterator

import pytest

from chassis.clock import Utc, from_seconds
from services.slc.variant.domain import StoredLevel
from services.slc.variant.levels import (
    booked,
    explained,
    first_seen,
    restocked,
    stale,
    taken_over,
    target_of,
    wanted,
    written,
)

HISTORIES = int(os.environ.get("LEVEL_HISTORIES", "500"))
STEPS = 60
LAG_SECONDS = 20


class World:
    """ICS, the shop and SLC, for one variant at one location. Time moves one second a step."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seconds = 1_000_000.0
        self.promisable = self.random.randint(0, 12)
        self.shown = self.random.randint(0, 12)
        self.level = StoredLevel(location_id="gid://shopify/Location/1", unseen=0, oversold=0, awaiting=0, target=0)
        self.unbooked: list[tuple[int, Utc]] = []
        self.open_posting: tuple[int, Utc] | None = None
        self.removed_since_asked = 0
        self.returned_unbooked = 0
        self.answered: dict[int, bool] = {}
        self.writes = 0
        self.forced = False
        self.worker: Iterator[None] = self.work()

    def now(self) -> Utc:
        return from_seconds(self.seconds)

    def may_be_sold(self) -> int:
        """Units that nobody has bought: what ICS promises without what was ordered and is not booked yet."""
        return self.promisable - sum(units for units, _ in self.unbooked)

    # ── what happens outside ──────────────────────────────────────────────────────────────────────────────────────

    def shopper(self) -> None:
        """Somebody buys."""
        if self.shown > 0:
            units = self.random.randint(1, min(3, self.shown))
            self.shown -= units
            self.unbooked.append((units, self.now()))

    def warehouse(self) -> None:
        """Stock comes or goes."""
        moved = self.random.randint(-3, 4)
        if self.promisable + moved >= 0:
            self.promisable += moved
            self.removed_since_asked -= min(0, moved)

    def staff(self) -> None:
        """Somebody takes units out of the shop by hand, which no order will ever explain."""
        if self.shown > 0:
            self.shown -= 1

    def book(self) -> None:
        """A posting is stored, or one that is stored is answered."""
        if self.open_posting is None and self.unbooked:
            self.open_posting = self.unbooked[0]
        elif self.open_posting is not None:
            units, created = self.open_posting
            self.unbooked.remove(self.open_posting)
            self.open_posting = None
            taken = min(units, self.promisable)
            self.promisable -= taken
            self.level = booked(self.level, units, created)
            if taken < units:
                # Oversold units are subtracted from the target until stock comes; here they are cancelled at once.
                self.shown += units - taken
                self.level = restocked(self.level, units - taken, self.now())

    def catch_up(self) -> None:
        """All orders that the search shows are booked; then what is unseen for long enough was no sale."""
        begun = self.now()
        visible = [each for each in self.unbooked if each[1] <= from_seconds(self.seconds - LAG_SECONDS)]
        while visible:
            if self.open_posting is None and self.unbooked[0] not in visible:
                self.unbooked.remove(visible[0])
                self.unbooked.insert(0, visible[0])
            answered = self.open_posting
            self.book()
            visible = [each for each in visible if each is not answered]
        self.level = explained(self.level, begun)

    # ── the worker ────────────────────────────────────────────────────────────────────────────────────────────────

    def work(self) -> Iterator[None]:
        """One job after the other; each `yield` lets anything happen."""
        while True:
            yield from self.job()
            yield

    def job(self) -> Iterator[None]:
        level = self.level
        if level.baseline is None:
            self.catch_up()
            self.unbooked.clear()  # the first read cannot tell orders of the last seconds: a limit of rule 1
            self.open_posting = None
            self.level = first_seen(level, self.shown, self.now())
            return
        if self.open_posting is not None:
            return
        if self.forced:
            yield from self.read_again()
            level = self.level
        self.removed_since_asked = 0
        yield
        asked = self.promisable
        target = target_of(level, asked, buffer=0, cap=None, online=True)
        yield
        if wanted(level, target) == level.baseline or self.open_posting is not None:
            return
        if (self.level.baseline, self.level.unseen) != (level.baseline, level.unseen):
            return  # the fence: what the write rests on has changed
        assert level.baseline is not None
        yield from self.write(wanted(level, target), level.baseline)

    def read_again(self) -> Iterator[None]:
        """What a forced job does first: rule 2."""
        self.catch_up()
        yield
        shown, level = self.shown, self.level
        yield
        if self.open_posting is None and self.level == level:
            self.level = taken_over(level, shown, self.now())
            self.forced = False

    def force(self) -> None:
        """The next job is a forced one."""
        self.forced = True

    def write(self, quantity: int, compared: int) -> Iterator[None]:
        """The open write is stored; the same call is made until it has an outcome."""
        self.writes += 1
        key = self.writes
        while True:
            yield
            if self.random.random() < 0.1:
                continue  # the call never arrived
            if key not in self.answered:
                self.answered[key] = self.shown == compared
                if self.answered[key]:
                    self.shown = quantity
                    self.check()
            if self.random.random() < 0.15:
                continue  # the answer was lost
            break
        yield
        if self.answered[key]:
            self.level = written(self.level, quantity, compared, self.now())
            return
        self.level, delay = stale(self.level)
        if delay is not None:
            for _ in range(int(delay)):
                yield
        else:
            yield
            if self.open_posting is None:
                self.level = taken_over(self.level, self.shown, self.now())

    def check(self) -> None:
        """What was just written is at most what may be sold, or could be before the warehouse took units out."""
        allowed = max(0, self.may_be_sold() + self.removed_since_asked)
        assert self.shown <= allowed, f"{self.shown} shown, {allowed} may be sold; {self.level}"

    # ── a history ─────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        self.seconds += 1
        act = self.random.choices(
            [lambda: next(self.worker), self.shopper, self.warehouse, self.book, self.catch_up, self.staff, self.force],
            weights=[60, 10, 8, 10, 3, 1, 1],
        )[0]
        act()

    def settle(self) -> None:
        """Nothing happens any more but work and catch-ups."""
        for round_ in range(400):
            self.seconds += 40 if round_ % 20 == 0 else 1
            if round_ % 20 == 0:
                self.catch_up()
            self.forced = self.forced or round_ == 200
            next(self.worker)


@pytest.mark.parametrize("part", range(5))
def test_the_shop_never_shows_more_than_may_be_sold_and_both_sides_are_equal_in_the_end(part: int) -> None:
    for seed in range(part * HISTORIES // 5, (part + 1) * HISTORIES // 5):
        world = World(seed)
        for _ in range(STEPS):
            world.step()
        world.settle()
        assert not world.unbooked, seed
        assert (world.shown, world.level.baseline) == (world.promisable, world.promisable), (seed, world.level)
        assert world.level.unseen == 0, seed
