"""What VisualGrid needs from its environment."""

from chassis.settings import BaseSettings


class VisualGridSettings(BaseSettings):
    """VisualGrid's settings: those every process has."""
