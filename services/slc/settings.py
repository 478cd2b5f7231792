"""What SLC needs from its environment."""

from chassis.settings import BaseSettings


class SlcSettings(BaseSettings):
    """SLC's settings: those every process has."""
