"""The limits of one gateway: of one process, or of all its worker processes together."""

from collections.abc import AsyncIterator

from chassis.resource import resource
from gateway.limits.admission import Admission, SharedAdmission
from gateway.limits.rates import Limit, Rates, SharedLimit
from gateway.limits.shared import SharedMemory
from gateway.limits.slots import SharedSlots, Slots
from gateway.settings import GatewaySettings

UNREAD_MAX = 512
UNREAD_OF_ADDRESS_MAX = 64
"""Answers whose caller does not read them, in all and for each address; further ones are cut off."""

STREAMS_SHARE = 8
"""The reciprocal of the share of requests in flight that may be raw bodies forwarded while they arrive."""


class Limits:
    """What a gateway counts.

    rates       of credentials, orgs and addresses
    connected   connections        unread   answers that nobody reads
    in_flight   requests           streams  raw bodies that are still arriving, of calls that may be nobody's
    """

    def __init__(self, settings: GatewaySettings, memory: SharedMemory | None = None) -> None:
        self.memory = memory
        self.rates = Rates(
            (
                self._limit("credential", settings.rate_credential_per_second, settings.rate_credential_burst),
                self._limit("address", settings.rate_address_per_second, settings.rate_address_burst),
                self._limit("org", settings.rate_org_per_second, settings.rate_org_burst),
            ),
            settings.rate_headers,
        )
        # Behind proxies every connection has a proxy's address.
        of_address = 0 if settings.forwarded_hops else settings.address_connections_max
        unread_of_address = 0 if settings.forwarded_hops else UNREAD_OF_ADDRESS_MAX
        self.connected = self._slots("connections", settings.connections_max, of_address)
        self.unread = self._slots("unread", UNREAD_MAX, unread_of_address)
        self.in_flight = self._admission("in_flight", settings.in_flight_max, settings.in_flight_reserve)
        self.streams = self._admission("streams", max(1, settings.in_flight_max // STREAMS_SHARE), 0)

    def _limit(self, name: str, per_second: float, burst: int) -> Limit:
        return (
            Limit(name, per_second, burst) if self.memory is None else SharedLimit(name, per_second, burst, self.memory)
        )

    def _slots(self, name: str, most: int, of_address: int) -> Slots:
        return Slots(most, of_address) if self.memory is None else SharedSlots(name, most, of_address, self.memory)

    def _admission(self, name: str, most: int, reserve: int) -> Admission:
        return Admission(most, reserve) if self.memory is None else SharedAdmission(name, most, reserve, self.memory)


@resource
async def limits(settings: GatewaySettings) -> AsyncIterator[Limits]:
    """What the gateway counts: by itself, or together with the other workers."""
    if not settings.gateway_worker:
        yield Limits(settings)
        return
    memory = SharedMemory.attach(settings.gateway_memory_fd, settings.gateway_workers, settings.gateway_worker - 1)
    # A worker before this one may have been killed.
    memory.forget(memory.worker)
    try:
        yield Limits(settings, memory)
    finally:
        memory.close()
