"""What ICS needs from its environment."""

from chassis.settings import BaseSettings


class IcsSettings(BaseSettings, frozen=True, kw_only=True):
    """The settings every process of the stack has; ICS asks for nothing beyond them."""
