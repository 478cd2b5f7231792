"""Settings of ICS, read from the environment in addition to the common settings of every process."""

from typing import Annotated

from msgspec import Meta

from chassis.settings import BaseSettings

SWEEP_RULES_MAX = 500
"""Maximum number of rules read by one run of the replenishment sweep."""

DAY_MINUTES = 24 * 60
OVERDUE_SECONDS_MAX = 30 * 24 * 3600


class IcsSettings(BaseSettings):
    """ICS's settings.

    ics_overdue_seconds                     seconds after its expiry time at which the overdue sweep expires a promise
    ics_replenishment_sweep_limit           rules read by one run of the replenishment sweep, if it is given no limit
    ics_replenishment_sweep_window_minutes  length of a sweep window; a rule moves units at most once in each window
    """

    ics_overdue_seconds: Annotated[int, Meta(ge=0, le=OVERDUE_SECONDS_MAX)] = 60
    ics_replenishment_sweep_limit: Annotated[int, Meta(ge=1, le=SWEEP_RULES_MAX)] = 50
    ics_replenishment_sweep_window_minutes: Annotated[int, Meta(ge=1, le=DAY_MINUTES)] = 15
