"""The maintenance gate: whether a process may work now. It is open by default.

`gate_sync.py` and `closure_sync.py` keep it up to date; a request only reads it. A vacuum of an org closes the gate for
that org; a full vacuum closes it for everything.
"""

from collections.abc import Mapping

from chassis.caller import SYSTEM_ACTOR, Caller
from chassis.clock import Clock, Utc, seconds_between
from chassis.entity import Value
from chassis.errors import MaintenanceActive

RETRY_SECONDS_MIN = 5
"""Least `Retry-After` in seconds, also when a window overruns."""

CLOSED_RETRY_SECONDS = 60


class GateWindow(Value):
    """A maintenance window, active or scheduled."""

    maintenance_id: str
    expected_end_utc: Utc
    start_utc: Utc = Utc("")
    minutes: int = 0


class Closures(Value):
    """What is being vacuumed: everything, or these orgs. `erased`: org (empty: all) -> when it was last erased."""

    all: bool = False
    orgcodes: frozenset[str] = frozenset()
    erased: Mapping[str, Utc] = {}


class Gate:
    """Whether work is allowed now, in general and for each org."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window: GateWindow | None = None
        self._next: GateWindow | None = None
        self._closures = Closures()

    @property
    def next(self) -> GateWindow | None:
        """The window scheduled to start within a day, if known."""
        return self._next

    @property
    def window(self) -> GateWindow | None:
        """The active window, or None."""
        return self._window

    @property
    def open(self) -> bool:
        """Whether no window is active and no full vacuum is running."""
        return self._window is None and not self._closures.all

    def close(self, window: GateWindow) -> None:
        """Note that a window has started, or that its end has changed."""
        self._window = window

    def reopen(self, maintenance_id: str | None = None) -> None:
        """Note that a window has ended. With its id, a late event of an older window cannot end a newer one."""
        if maintenance_id is None or (self._window and self._window.maintenance_id == maintenance_id):
            self._window = None

    def announce(self, window: GateWindow | None) -> None:
        """Set the next scheduled window, or None."""
        self._next = window

    def set_closures(self, closures: Closures) -> None:
        """Set what is being vacuumed."""
        self._closures = closures

    def close_orgs(self, orgcodes: frozenset[str]) -> None:
        """Set the orgs that are being vacuumed."""
        self.set_closures(Closures(orgcodes=orgcodes))

    @property
    def closures(self) -> Closures:
        """What is being vacuumed, as far as known."""
        return self._closures

    def is_closed_for(self, orgcode: str | None) -> bool:
        """Whether consumers and jobs must not work for the org now."""
        return not self.open or orgcode in self._closures.orgcodes

    def is_erased(self, orgcode: str, at: Utc) -> bool:
        """Whether the org was erased after `at`, so that events from then must be skipped."""
        everybody, own = self._closures.erased.get(""), self._closures.erased.get(orgcode)
        return (own is not None and at <= own) or (everybody is not None and at <= everybody)

    def check(self, orgcode: str | None) -> None:
        """Raises `MaintenanceActive` if the call is not allowed now."""
        if self._window is not None:
            raise closed_by(self._window, self._clock.now())
        if self._closures.all or orgcode in self._closures.orgcodes:
            raise _org_closed()

    def check_write(self, caller: Caller) -> None:
        """Rejects writes to an org that is being vacuumed, for every caller, with `MaintenanceActive`.

        During a full vacuum, processes still write their own technical records.
        """
        if not self._closures.all and not self._closures.orgcodes:
            return
        own = caller.orgcode is None and caller.actor == SYSTEM_ACTOR
        if caller.orgcode in self._closures.orgcodes or (self._closures.all and not own):
            raise _org_closed()


def _org_closed() -> MaintenanceActive:
    return MaintenanceActive("the organisation is closed for maintenance", CLOSED_RETRY_SECONDS)


def closed_by(window: GateWindow, now: Utc) -> MaintenanceActive:
    """The refusal of a call during a window."""
    seconds = max(RETRY_SECONDS_MIN, round(seconds_between(now, window.expected_end_utc)))
    return MaintenanceActive(
        "a maintenance window is active",
        seconds,
        maintenance_id=window.maintenance_id,
        expected_end_utc=window.expected_end_utc,
    )
