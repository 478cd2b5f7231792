"""The time a report covers. Pure."""

from chassis.clock import Utc, later, seconds_between
from chassis.errors import invalid_field

DAYS_DEFAULT = 30
DAYS_MAX = 366

_DAY_SECONDS = 86_400


def period(from_utc: Utc | None, to_utc: Utc | None, now: Utc) -> tuple[Utc, Utc]:
    """Where a report's time begins and ends, the end left out: by default the 30 days before its end, which is now.

    `Invalid` where it is empty, longer than 366 days, or would begin before time can be written.
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
