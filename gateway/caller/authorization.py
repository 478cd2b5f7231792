"""Who calls, and whether they may now: credential, maintenance gate, rates and org, in the contract's order."""

from chassis.caller import Caller
from chassis.gate import Gate
from gateway.caller import credential, named_code
from gateway.caller.credential import Credential
from gateway.caller.request_credentials import RequestCredentials
from gateway.caller.resolve import Resolution, Resolver
from gateway.caller.strangers import Strangers
from gateway.http.exchange import Exchange
from gateway.limits.rates import Rates
from gateway.routes import UpstreamRoute


class Authorization:
    """Decides about callers; what it finds out is noted in the exchange for answers and logs."""

    def __init__(self, resolver: Resolver, gate: Gate, rates: Rates, strangers: Strangers) -> None:
        self._strangers = strangers
        self._resolver = resolver
        self._gate = gate
        self._rates = rates

    async def authorize(self, exchange: Exchange, route: UpstreamRoute, given: RequestCredentials) -> Caller:
        """The caller, as the service is told of them.

        Raises, checked in this order: `Unauthorized` for an unknown credential, `MaintenanceActive`, `Throttled`,
        `NotFound` for an org the caller does not belong to, and `Invalid` for what is malformed or contradictory.
        """
        resolution = await self._resolved(exchange, given.credential, given.orgcode)
        exchange.mark("identity")
        self.check_gate(route, None)
        self._rates.take("credential", exchange.fingerprint, exchange.own)
        if given.orgcode is not None:
            if resolution.membership is None:
                raise named_code.unknown_org()
            exchange.orgcode = given.orgcode
            self.check_gate(route, given.orgcode)
            self._rates.take("org", given.orgcode, exchange.own)
        given.check()
        exchange.cccode = given.cccode
        exchange.mark("admission")
        return _caller(resolution, given.cccode)

    async def check_header(self, exchange: Exchange) -> bool:
        """Whether a header has a credential. Raises `Unauthorized` if it is unknown: then no body is read."""
        taken = exchange.inbound.taken
        session, key = taken.get("x-session-guid"), taken.get("x-api-key")
        if not session and not key:
            return False
        found = credential.find(session, key, None, None).credential
        await self._resolved(exchange, found, named_code.named_code("orgcode", taken.get("x-orgcode")).code)
        return True

    def check_gate(self, route: UpstreamRoute, orgcode: str | None) -> None:
        """Raises `MaintenanceActive` if the route is closed now, for everybody or for the org."""
        if route.gated:
            self._gate.check(orgcode)

    async def _resolved(self, exchange: Exchange, found: Credential | None, orgcode: str | None) -> Resolution:
        if found is None:
            raise credential.unknown()
        resolution = self._resolver.known(found, orgcode)
        if resolution is None:
            self._strangers.check(exchange)
            resolution = await self._resolver.resolve(found, orgcode)
        identity = resolution.identity
        if identity is None or (identity.expires_utc is not None and identity.expires_utc <= exchange.at_utc):
            raise credential.unknown()
        exchange.actor, exchange.fingerprint = identity.actor, resolution.fingerprint
        return resolution


def _caller(resolution: Resolution, cccode: str | None) -> Caller:
    identity, member = resolution.identity, resolution.membership
    assert identity is not None
    if member is None:
        return Caller(kind=identity.kind, actor=identity.actor, cccode=cccode, fingerprint=resolution.fingerprint)
    return Caller(
        kind=identity.kind,
        actor=identity.actor,
        orgcode=member.orgcode,
        roles=member.roles,
        owner=member.owner,
        cccode=cccode,
        fingerprint=resolution.fingerprint,
    )
