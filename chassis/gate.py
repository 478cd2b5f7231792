"""The maintenance gate: open unless told otherwise.

`app.py` keeps it told, by events and by asking OPS every few seconds; a request only looks at it. An org that is being
emptied is closed on its own.
"""

from chassis.clock import Clock, Utc, seconds_between
from chassis.entity import Value
from chassis.errors import MaintenanceActive

RETRY_SECONDS_MIN = 5
"""What a caller is told to wait at least, also once a window overruns."""

ORG_RETRY_SECONDS = 60


class Window(Value, frozen=True, kw_only=True):
    """A maintenance window, active or to come."""

    maintenance_id: str
    expected_end_utc: Utc
    start_utc: Utc = Utc("")
    minutes: int = 0


class Gate:
    """Whether work may be done now, for everybody and for each org."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window: Window | None = None
        self._next: Window | None = None
        self._closed_orgs: frozenset[str] = frozenset()

    @property
    def next(self) -> Window | None:
        """The window that is scheduled to start within a day, as far as it is known."""
        return self._next

    @property
    def window(self) -> Window | None:
        """The window that is active, if any."""
        return self._window

    @property
    def open(self) -> bool:
        """Whether no window is active."""
        return self._window is None

    def close(self, window: Window) -> None:
        """A window has started, or its end has moved."""
        self._window = window

    def reopen(self, maintenance_id: str | None = None) -> None:
        """The window has ended; naming it keeps late news of an older one from opening a newer."""
        if maintenance_id is None or (self._window and self._window.maintenance_id == maintenance_id):
            self._window = None

    def announce(self, window: Window | None) -> None:
        """A window is scheduled next, or none is any more."""
        self._next = window

    def close_orgs(self, orgcodes: frozenset[str]) -> None:
        """These orgs, and no others, are being emptied."""
        self._closed_orgs = orgcodes

    def is_closed_for(self, orgcode: str | None) -> bool:
        """Whether work for the org has to wait: what consumers and jobs ask."""
        return self._window is not None or orgcode in self._closed_orgs

    def check(self, orgcode: str | None) -> None:
        """Let the call pass, or raise MaintenanceActive with what the caller needs to know."""
        if self._window is not None:
            raise closed_by(self._window, self._clock.now())
        if orgcode in self._closed_orgs:
            raise MaintenanceActive("the organisation is closed for maintenance", ORG_RETRY_SECONDS)


def closed_by(window: Window, now: Utc) -> MaintenanceActive:
    """The refusal of a call that meets an active window."""
    seconds = max(RETRY_SECONDS_MIN, round(seconds_between(now, window.expected_end_utc)))
    return MaintenanceActive(
        "a maintenance window is active",
        seconds,
        maintenance_id=window.maintenance_id,
        expected_end_utc=window.expected_end_utc,
    )
