"""The shop itself, its locations and publications, and its webhook subscriptions, over GraphQL."""

from collections.abc import Sequence
from contextlib import suppress

from chassis.outgoing.client import HttpClient
from chassis.outgoing.message import OutgoingFailed
from services.slc.shopify.errors import (
    BadRequest,
    CredentialRefused,
    NoAnswer,
    ShopRefused,
    ShopUnavailable,
)
from services.slc.shopify.graphql import PEER, Session
from services.slc.shopify.reading import converted, nodes
from services.slc.shopify.states import Location, Publication, ShopFacts, WebhookSubscription
from services.slc.shopify.words import Gid


class AccountCalls:
    """Implements the port's `Account`."""

    def __init__(self, session: Session, http: HttpClient) -> None:
        self._session = session
        self._http = http

    async def probe(self) -> ShopFacts:
        data = await self._session.execute("ShopProbe")
        shop = data["shop"]
        return ShopFacts(
            shop_id=shop["id"],
            name=shop["name"],
            domain=shop["myshopifyDomain"].lower(),
            currency=shop["currencyCode"],
            timezone=shop["ianaTimezone"],
            scopes=tuple(each["handle"] for each in data["currentAppInstallation"]["accessScopes"]),
        )

    async def locations(self) -> list[Location]:
        found = [converted(each, Location) async for each in nodes(self._session, "Locations", ["locations"])]
        return [each for each in found if each.is_active]

    async def publications(self) -> list[Publication]:
        data = await self._session.execute("Publications")
        return [
            Publication(publication_id=each["id"], title=(each.get("catalog") or {}).get("title"))
            for each in data["publications"]["nodes"]
        ]

    async def uninstall(self) -> None:
        try:
            await self._session.execute("AppUninstall")
        except (BadRequest, ShopRefused):
            await self._uninstall_by_address()

    async def _uninstall_by_address(self) -> None:
        """The way for installations that cannot run the mutation."""
        url = self._session.graphql.address(self._session.shop_domain, "/admin/api_permissions/current.json")
        headers = {"X-Shopify-Access-Token": self._session.token}
        try:
            answer = await self._http.request("DELETE", url, peer=PEER, headers=headers, idempotent=False)
        except OutgoingFailed as failure:
            raise NoAnswer(str(failure)) from None
        if answer.status in {401, 403}:
            raise CredentialRefused("the shop refuses the token")
        if answer.status in {402, 404, 423}:
            raise ShopUnavailable(f"the shop answered {answer.status}")
        if not answer.ok:
            raise NoAnswer(f"the shop answered {answer.status}")


class HookCalls:
    """Implements the port's `Hooks`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def all(self) -> list[WebhookSubscription]:
        return [
            converted(each, WebhookSubscription)
            async for each in nodes(self._session, "WebhooksList", ["webhookSubscriptions"])
        ]

    async def create(self, topic: str, uri: str, include_fields: Sequence[str]) -> WebhookSubscription:
        subscription = {"uri": uri, "format": "JSON", "includeFields": list(include_fields)}
        data = await self._session.execute("WebhookCreate", topic=topic, subscription=subscription)
        return converted(data["webhookSubscriptionCreate"]["webhookSubscription"], WebhookSubscription)

    async def delete(self, subscription_id: Gid) -> None:
        with suppress(ShopRefused):
            await self._session.execute("WebhookDelete", id=subscription_id)
