"""OPS's settings, beside those of every process."""

from typing import Annotated

from msgspec import Meta

from chassis.settings import BaseSettings

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
SecretCost = Annotated[int, Meta(ge=15, le=20)]


class OpsSettings(BaseSettings):
    """OPS's settings.

    secret_cost             the exponent of scrypt's N when the secret code is hashed: 17 takes 128 MiB and a third of a
                            second
    vacuum_delay_seconds    time from the request of a vacuum to its start; until then it can be cancelled
    vacuum_settle_seconds   time from closing the org to the first deletion: longer than the longest request and the
                            longest cache of the org's state
    """

    secret_cost: SecretCost = 17
    vacuum_delay_seconds: Seconds = 300.0
    vacuum_settle_seconds: Seconds = 40.0
