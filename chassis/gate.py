"""The maintenance gate: open unless told otherwise.

`gate_sync.py` keeps it told, by events and by asking OPS every second; a request only looks at it. An org that is being
emptied is closed on its own; while everything is being emptied, everybody is.
"""

from collections.abc import Mapping

from chassis.caller import SYSTEM_ACTOR, Caller
from chassis.clock import Clock, Utc, seconds_between
from chassis.entity import Value
from chassis.errors import MaintenanceActive

RETRY_SECONDS_MIN = 5
"""What a caller is told to wait at least, also once a window overruns."""

EMPTIED_RETRY_SECONDS = 60


class GateWindow(Value):
    """A maintenance window, active or to come."""

    maintenance_id: str
    expected_end_utc: Utc
    start_utc: Utc = Utc("")
    minutes: int = 0


class Closures(Value):
    """What is being emptied: all, or these orgs; and until when what there was of others has been erased."""

    all: bool = False
    orgcodes: frozenset[str] = frozenset()
    erased: Mapping[str, Utc] = {}


class Gate:
    """Whether work may be done now, for everybody and for each org."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window: GateWindow | None = None
        self._next: GateWindow | None = None
        self._emptied = Closures()

    @property
    def next(self) -> GateWindow | None:
        """The window that is scheduled to start within a day, as far as it is known."""
        return self._next

    @property
    def window(self) -> GateWindow | None:
        """The window that is active, if any."""
        return self._window

    @property
    def open(self) -> bool:
        """Whether no window is active, and the stack is not being emptied."""
        return self._window is None and not self._emptied.all

    def close(self, window: GateWindow) -> None:
        """A window has started, or its end has moved."""
        self._window = window

    def reopen(self, maintenance_id: str | None = None) -> None:
        """The window has ended; naming it keeps late news of an older one from opening a newer."""
        if maintenance_id is None or (self._window and self._window.maintenance_id == maintenance_id):
            self._window = None

    def announce(self, window: GateWindow | None) -> None:
        """A window is scheduled next, or none is any more."""
        self._next = window

    def empty(self, closures: Closures) -> None:
        """This, and nothing else, is being emptied."""
        self._emptied = closures

    def close_orgs(self, orgcodes: frozenset[str]) -> None:
        """These orgs, and no others, are being emptied."""
        self.empty(Closures(orgcodes=orgcodes))

    @property
    def emptied(self) -> Closures:
        """What is being emptied, as far as it is known."""
        return self._emptied

    def is_closed_for(self, orgcode: str | None) -> bool:
        """Whether work for the org has to wait: what consumers and jobs ask."""
        return not self.open or orgcode in self._emptied.orgcodes

    def is_erased(self, orgcode: str, at: Utc) -> bool:
        """Whether what happened then in the org has been erased since, so that nobody may act on it any more."""
        everybody, own = self._emptied.erased.get(""), self._emptied.erased.get(orgcode)
        return (own is not None and at <= own) or (everybody is not None and at <= everybody)

    def check(self, orgcode: str | None) -> None:
        """Let the call pass, or raise MaintenanceActive with what the caller needs to know."""
        if self._window is not None:
            raise closed_by(self._window, self._clock.now())
        if self._emptied.all or orgcode in self._emptied.orgcodes:
            raise _being_emptied()

    def check_write(self, caller: Caller) -> None:
        """Rejects writes to an org that is being vacuumed, for every caller, with `MaintenanceActive`.

        While everything is emptied, what the processes write of themselves goes on.
        """
        if not self._emptied.all and not self._emptied.orgcodes:
            return
        own = caller.orgcode is None and caller.actor == SYSTEM_ACTOR
        if caller.orgcode in self._emptied.orgcodes or (self._emptied.all and not own):
            raise _being_emptied()


def _being_emptied() -> MaintenanceActive:
    return MaintenanceActive("the organisation is closed for maintenance", EMPTIED_RETRY_SECONDS)


def closed_by(window: GateWindow, now: Utc) -> MaintenanceActive:
    """The refusal of a call that meets an active window."""
    seconds = max(RETRY_SECONDS_MIN, round(seconds_between(now, window.expected_end_utc)))
    return MaintenanceActive(
        "a maintenance window is active",
        seconds,
        maintenance_id=window.maintenance_id,
        expected_end_utc=window.expected_end_utc,
    )
