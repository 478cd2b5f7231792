"""What PMC needs from its environment."""

from chassis.settings import BaseSettings


class PmcSettings(BaseSettings, frozen=True, kw_only=True):
    """PMC's settings: those every process has."""
