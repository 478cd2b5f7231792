"""What ICS needs from its environment beside what every process needs."""

from typing import Annotated

from msgspec import Meta

from chassis.settings import BaseSettings

SWEEP_RULES_MAX = 500
"""Most rules that one run of the replenishment sweep reads."""

DAY_MINUTES = 24 * 60
OVERDUE_SECONDS_MAX = 30 * 24 * 3600


class IcsSettings(BaseSettings):
    """ICS's settings.

    ics_overdue_seconds                     how long a promise is overdue before the overdue sweep expires it
    ics_replenishment_sweep_limit           rules that a run of the sweep reads where it is not told how many
    ics_replenishment_sweep_window_minutes  length of the windows in each of which a rule moves units at most once
    """

    ics_overdue_seconds: Annotated[int, Meta(ge=0, le=OVERDUE_SECONDS_MAX)] = 60
    ics_replenishment_sweep_limit: Annotated[int, Meta(ge=1, le=SWEEP_RULES_MAX)] = 50
    ics_replenishment_sweep_window_minutes: Annotated[int, Meta(ge=1, le=DAY_MINUTES)] = 15
