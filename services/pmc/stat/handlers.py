"""The stat endpoint: are the parts there that PMC stands on."""

from chassis.caller import SIGNED_IN
from chassis.endpoint import Answer, Endpoints
from chassis.health import Health, PartHealth

endpoints = Endpoints("pmc")


class PmcStat(Answer):
    ok: bool
    checks: list[PartHealth]


@endpoints.get("/stat", roles=[SIGNED_IN], tenant=False)
async def pmc_stat(health: Health) -> PmcStat:
    """Say how the parts are that PMC stands on; the status stays 200 when one is down."""
    checks = list(await health.parts())
    return PmcStat(ok=all(check.ok for check in checks), checks=checks)
