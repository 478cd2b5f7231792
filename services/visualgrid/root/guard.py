"""Admission to every row but ping and sign-in: a root token, checked by VisualGrid alone."""

from chassis.caller import SYSTEM, Call, Caller
from chassis.clock import Clock
from chassis.endpoint import TokenGuard
from chassis.errors import Unauthorized
from chassis.ids import new_id
from chassis.unit import Units
from services.visualgrid.root.domain import caller_of
from services.visualgrid.root.rotation import Rotation
from services.visualgrid.root.store import token_stored

REFUSED = "a valid root token is required"


async def check_token(token: str | None, units: Units, clock: Clock, rotation: Rotation) -> Caller:
    """The caller of a token. Raises `Unauthorized`, the same for an absent, unknown, expired or ended one."""
    if not token:
        raise Unauthorized(REFUSED)
    now = clock.now()
    call = Call(caller=SYSTEM, name="vg_token", request_id=new_id(now), started_utc=now)
    found = await units.view(call, lambda view: token_stored(view, token))
    if found is None or found.expires_utc <= now or not await rotation.is_current(found.code_id):
        raise Unauthorized(REFUSED)
    return caller_of(found)


ROOT = TokenGuard(field="vg_token", check=check_token)
