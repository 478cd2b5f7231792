"""The state machine of windows, without a database: the rules hold for any sequence of operators, sweep and time."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from msgspec.structs import replace

from chassis.clock import FixedClock, Utc, later, seconds_between
from chassis.errors import Conflict, Invalid, InvalidState
from chassis.ids import new_id
from services.ops.maintenance.domain import (
    PROGRESS_MAX,
    MaintenanceRecord,
    ProgressReport,
    cancelled,
    check_alone,
    check_room,
    ended,
    overlaps,
    scheduled,
    started,
    to_answer,
    updated,
)

NOON = Utc("2026-03-01T12:00:00.000Z")
FINAL = {"ended", "cancelled"}
NEXT = {
    "scheduled": {"scheduled", "active", "cancelled"},
    "active": {"active", "ended"},
    "ended": {"ended"},
    "cancelled": {"cancelled"},
}
HOURS = st.integers(min_value=-2, max_value=12)
MINUTES = st.integers(min_value=1, max_value=300)


class Windows(RuleBasedStateMachine):
    """The calendar as the requests keep it, in a dictionary."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock(NOON)
        self.windows: dict[str, MaintenanceRecord] = {}

    def open(self) -> list[MaintenanceRecord]:
        return [window for window in self.windows.values() if window.state not in FINAL]

    def active(self) -> MaintenanceRecord | None:
        found = [window for window in self.windows.values() if window.state == "active"]
        assert len(found) <= 1
        return found[0] if found else None

    def keep(self, window: MaintenanceRecord) -> None:
        before = self.windows.get(window.maintenance_id)
        if before is not None:
            assert window.state in NEXT[before.state]
            assert window.progress[: len(before.progress)] == before.progress, "progress is only added to"
        # The fields that the database engine would stamp.
        self.windows[window.maintenance_id] = replace(window, revision=before.revision + 1 if before else 1)

    @rule(target=ids, hours=HOURS, minutes=MINUTES)
    def schedule(self, hours: int, minutes: int) -> str:
        start = later(self.clock.now(), hours * 3600)
        maintenance_id = new_id(self.clock.now())
        try:
            window = scheduled(maintenance_id, "d", start, minutes, self.clock.now())
        except Invalid:
            assert start <= self.clock.now()
            return maintenance_id
        assert start > self.clock.now()
        try:
            check_room(window, self.open())
        except Conflict:
            assert any(overlaps(window, other) for other in self.open())
            return maintenance_id
        assert not any(overlaps(window, other) for other in self.open())
        self.keep(window)
        return maintenance_id

    @rule(maintenance_id=ids, by=st.sampled_from(["operator", "sweep"]))
    def start(self, maintenance_id: str, by: str) -> None:
        window = self.windows.get(maintenance_id)
        if window is None:
            return
        try:
            new = started(window, "sweep" if by == "sweep" else "operator", self.clock.now())
            check_alone(self.active())
        except InvalidState:
            assert window.state != "scheduled" or self.active() is not None
            return
        assert seconds_between(self.clock.now(), new.expected_end_utc) == new.duration_minutes * 60
        self.keep(new)

    @rule(maintenance_id=ids)
    def end(self, maintenance_id: str) -> None:
        if (window := self.windows.get(maintenance_id)) is None:
            return
        try:
            new = ended(window, self.clock.now())
        except InvalidState:
            assert window.state != "active"
            return
        assert new.overrun == to_answer(window, self.clock.now()).overrun
        self.keep(new)

    @rule(maintenance_id=consumes(ids))
    def cancel(self, maintenance_id: str) -> None:
        if (window := self.windows.get(maintenance_id)) is None:
            return
        try:
            self.keep(cancelled(window, "r", self.clock.now()))
        except InvalidState:
            assert window.state != "scheduled"

    @rule(maintenance_id=ids, minutes=st.none() | MINUTES, message=st.none() | st.just("on we go"))
    def update(self, maintenance_id: str, minutes: int | None, message: str | None) -> None:
        if (window := self.windows.get(maintenance_id)) is None:
            return
        news = ProgressReport(duration_minutes=minutes, message=message)
        try:
            news.check()
            new = updated(window, news, self.clock.now())
            if new.expected_end_utc > window.expected_end_utc:
                check_room(new, self.open())
        except Invalid:
            assert minutes is None
            assert message is None
            return
        except InvalidState:
            assert window.state in FINAL
            return
        except Conflict:
            return
        assert new.state == window.state
        self.keep(new)

    @rule(minutes=st.integers(min_value=1, max_value=600))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes * 60)

    @invariant()
    def one_at_most_is_active(self) -> None:
        self.active()

    @invariant()
    def what_is_planned_does_not_overlap(self) -> None:
        planned = sorted(
            (window for window in self.windows.values() if window.state == "scheduled"),
            key=lambda window: window.scheduled_start_utc,
        )
        for one, other in pairwise(planned):
            assert not overlaps(one, other)

    @invariant()
    def every_window_says_what_it_is(self) -> None:
        for window in self.windows.values():
            told = to_answer(window, self.clock.now())
            assert (window.started_utc is not None) == (window.state in {"active", "ended"})
            assert (window.ended_utc is not None) == (window.state == "ended")
            assert (window.cancelled_utc is not None) == (window.state == "cancelled")
            assert len(told.progress) <= PROGRESS_MAX
            begins = window.started_utc or window.scheduled_start_utc
            assert window.expected_end_utc == later(begins, window.duration_minutes * 60)
            until = window.ended_utc or self.clock.now()
            assert told.overrun == (window.started_utc is not None and until > window.expected_end_utc)


TestWindows = Windows.TestCase
TestWindows.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
