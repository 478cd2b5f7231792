"""What SLC needs from its environment."""

from chassis.settings import BaseSettings


class SlcSettings(BaseSettings, frozen=True, kw_only=True):
    """SLC's settings: those every process has."""
