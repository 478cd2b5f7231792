"""The stat endpoint: the state of the parts that PMC depends on."""

from chassis.caller import SIGNED_IN
from chassis.endpoint import Answer, Endpoints
from chassis.health import Health, PartHealth

endpoints = Endpoints("pmc")


class PmcStat(Answer):
    ok: bool
    checks: list[PartHealth]


@endpoints.get("/stat", roles=[SIGNED_IN], tenant=False)
async def pmc_stat(health: Health) -> PmcStat:
    """Show the state of the parts that PMC depends on; the status is 200 even if one is down."""
    checks = list(await health.parts())
    return PmcStat(ok=all(check.ok for check in checks), checks=checks)
