"""What VisualGrid needs from its environment."""

from chassis.settings import BaseSettings


class VisualGridSettings(BaseSettings, frozen=True, kw_only=True):
    """VisualGrid's settings: those every process has."""
