"""What OPS needs from its environment beside what every process needs."""

from typing import Annotated

from msgspec import Meta

from chassis.settings import BaseSettings

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
SecretCost = Annotated[int, Meta(ge=15, le=20)]


class OpsSettings(BaseSettings):
    """OPS's settings.

    secret_cost             what checking the operator's secret costs: the exponent of scrypt's N, 17 for 128 MiB and a
                            third of a second
    vacuum_delay_seconds    how long after its request a vacuum can be cancelled before it begins
    vacuum_settle_seconds   how long what it empties is closed before anything is deleted: longer than the longest
                            request may take, and than anything that was looked up before may be remembered
    """

    secret_cost: SecretCost = 17
    vacuum_delay_seconds: Seconds = 300.0
    vacuum_settle_seconds: Seconds = 40.0
