"""What OPS needs from its environment beside what every process needs."""

from typing import Annotated

from msgspec import Meta

from chassis.settings import BaseSettings

SecretCost = Annotated[int, Meta(ge=15, le=20)]


class OpsSettings(BaseSettings, frozen=True, kw_only=True):
    """OPS's settings.

    secret_cost    what checking the operator's secret costs: the exponent of scrypt's N, 17 for 128 MiB and a third of
                   a second
    """

    secret_cost: SecretCost = 17
