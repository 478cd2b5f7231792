"""The period that a report covers. Pure."""

from chassis.clock import Utc, later, seconds_between
from chassis.errors import invalid_field

DAYS_DEFAULT = 30
DAYS_MAX = 366

_DAY_SECONDS = 86_400


def period(from_utc: Utc | None, to_utc: Utc | None, now: Utc) -> tuple[Utc, Utc]:
    """The start and end of a report's period in UTC; the start is included, the end is not.

    `to_utc` defaults to now, `from_utc` to 30 days before the end. Raises `Invalid` if the period is empty, is longer
    than 366 days, or its default start is before the earliest representable time.
    """
    until = now if to_utc is None else to_utc
    since = _default_start(until) if from_utc is None else from_utc
    if until <= since:
        raise invalid_field("to_utc", "is not after from_utc")
    if seconds_between(since, until) > DAYS_MAX * _DAY_SECONDS:
        raise invalid_field("to_utc", f"is more than {DAYS_MAX} days after from_utc")
    return since, until


def _default_start(until: Utc) -> Utc:
    try:
        return later(until, -DAYS_DEFAULT * _DAY_SECONDS)
    except OverflowError:
        raise invalid_field("to_utc", "is too early") from None
