"""Shops over HTTP: the implementation of the port, and the resource that gives it."""

from collections.abc import AsyncIterator

from yarl import URL

from chassis.outgoing.addresses import AddressPolicy
from chassis.outgoing.client import HttpClient
from chassis.resource import resource
from chassis.settings import SettingsError
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from services.slc.settings import SHOP_BASE_URL_DEFAULT, SlcSettings
from services.slc.shopify.account_calls import AccountCalls, HookCalls
from services.slc.shopify.graphql import GraphQl, Session
from services.slc.shopify.level_calls import LevelCalls
from services.slc.shopify.oauth_calls import TokenCalls
from services.slc.shopify.order_calls import OrderCalls
from services.slc.shopify.port import Shop, Shops, Tokens
from services.slc.shopify.product_calls import ProductCalls
from services.slc.shopify.words import ShopCall

CONNECTIONS_PER_HOST = 64
LOOPBACK = ("127.0.0.0/8", "::1/128")

log = get_logger("slc.shopify")


class HttpShop:
    """Implements the port's `Shop`."""

    def __init__(self, session: Session, http: HttpClient) -> None:
        self._session = session
        self.account = AccountCalls(session, http)
        self.products = ProductCalls(session)
        self.levels = LevelCalls(session)
        self.orders = OrderCalls(session)
        self.hooks = HookCalls(session)

    @property
    def calls(self) -> list[ShopCall]:
        """What was sent."""
        return self._session.calls


class HttpShops:
    """Implements the port's `Shops`."""

    def __init__(self, http: HttpClient, graphql: GraphQl, tokens: Tokens) -> None:
        self._http = http
        self._graphql = graphql
        self.tokens = tokens

    def open(self, shop_domain: str, token: str, *, reserve_percent: int = 0, patience_seconds: float = 30.0) -> Shop:
        session = self._graphql.session(
            shop_domain, token, reserve_percent=reserve_percent, patience_seconds=patience_seconds
        )
        return HttpShop(session, self._http)


@resource
async def shops(settings: SlcSettings, metrics: Metrics) -> AsyncIterator[Shops]:
    """The client for shops."""
    url = settings.shop_base_url()
    if url != SHOP_BASE_URL_DEFAULT:
        log.warning("shops are called at another address than their own", url=url)
    allowed = [*settings.outgoing_allow, *(LOOPBACK if _is_loopback(url) else ())]
    try:
        policy = AddressPolicy(allowed)
    except ValueError as failure:
        raise SettingsError(f"OUTGOING_ALLOW: {failure}") from None
    http = HttpClient(metrics, policy, connections_per_host=CONNECTIONS_PER_HOST)
    seconds = settings.slc_shopify_timeout
    secret = next(iter(settings.client_secrets()), "")
    tokens = TokenCalls(http, url, settings.slc_shopify_client_id, secret, seconds)
    try:
        yield HttpShops(http, GraphQl(http, url, settings.slc_shopify_api_version, seconds), tokens)
    finally:
        await http.close()


def _is_loopback(url: str) -> bool:
    return URL(url.replace("{shop}", "shop")).host in {"127.0.0.1", "::1", "localhost"}
