"""Time as a parameter: code that needs the time is given a Clock.

A time is `Utc`: RFC 3339 text in UTC with milliseconds and a `Z`. Always in this form, it sorts as time does, so it can
be compared, indexed and returned without conversion.
"""

from datetime import UTC, date, datetime, timedelta
from time import time
from typing import NewType, Protocol

Utc = NewType("Utc", str)
Date = NewType("Date", str)


class Clock(Protocol):
    """Gives the current time."""

    def now(self) -> Utc:
        """The current time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Utc:
        return from_seconds(time())


class FixedClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, at: Utc) -> None:
        self.at = at

    def now(self) -> Utc:
        return self.at

    def advance(self, seconds: float) -> Utc:
        """Move on by `seconds`; returns the new time."""
        self.at = later(self.at, seconds)
        return self.at


def utc(moment: datetime) -> Utc:
    """The canonical text of an aware datetime, truncated to milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")  # ten times as fast as strftime
    return Utc(text[: -len("+00:00")] + "Z")


def from_seconds(seconds: float) -> Utc:
    """The canonical text of a Unix time in seconds."""
    return utc(datetime.fromtimestamp(seconds, UTC))


def to_datetime(moment: Utc) -> datetime:
    """The aware datetime of a time."""
    return datetime.fromisoformat(moment)


def to_seconds(moment: Utc) -> float:
    """The Unix time in seconds."""
    return to_datetime(moment).timestamp()


def to_millis(moment: Utc) -> int:
    """The Unix time in whole milliseconds."""
    return round(to_seconds(moment) * 1000)


def later(moment: Utc, seconds: float) -> Utc:
    """The time `seconds` later; negative seconds go back."""
    return utc(to_datetime(moment) + timedelta(seconds=seconds))


def seconds_between(start: Utc, end: Utc) -> float:
    """Seconds from the first time to the second; negative if the second is earlier."""
    return (to_datetime(end) - to_datetime(start)).total_seconds()


def day_of(moment: Utc) -> Date:
    """The UTC calendar day of a time."""
    return Date(moment[:10])


def days_after(day: Date, days: int) -> Date:
    """The calendar day `days` after another."""
    return Date((date.fromisoformat(day) + timedelta(days=days)).isoformat())


def start_of(day: Date) -> Utc:
    """The first moment of a UTC day."""
    return Utc(f"{day}T00:00:00.000Z")
