"""The rate of callers who are not signed in, for each client address.

Counted are refused credentials (401), contract documents, MCP and webhooks. An address that is over its rate is refused
with 429 before a credential of it that is not known yet is looked up.
"""

from chassis.errors import Refusal, Throttled, Unauthorized
from gateway.http.exchange import Exchange
from gateway.limits.rates import Rates

ADDRESS = "address"


class Strangers:
    """Counts what addresses ask for without a known credential."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def take(self, exchange: Exchange) -> None:
        """Count a request. Raises `Throttled` over the rate."""
        self._rates.take(ADDRESS, exchange.peer, exchange.own)

    def check(self, exchange: Exchange) -> None:
        """Raises `Throttled` if the address is over its rate, without counting a request."""
        self._rates.check(ADDRESS, exchange.peer, exchange.own)

    def count(self, exchange: Exchange) -> None:
        """Count a request that is answered already."""
        self.refused(exchange, Unauthorized(""))

    def refused(self, exchange: Exchange, refusal: Unauthorized) -> Refusal:
        """Count a refused credential; the refusal to answer with: this one, or `Throttled` over the rate."""
        try:
            self._rates.take(ADDRESS, exchange.peer, {})
        except Throttled as throttled:
            return throttled
        return refusal
