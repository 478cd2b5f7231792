"""What PMC needs from its environment."""

from chassis.settings import BaseSettings


class PmcSettings(BaseSettings):
    """PMC's settings: those every process has."""
