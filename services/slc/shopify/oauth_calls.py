"""OAuth of the stack's own app: codes and refresh tokens become tokens."""

from typing import Any

import msgspec

from chassis.entity import Value
from chassis.outgoing.client import HttpClient
from chassis.outgoing.message import OutgoingFailed
from services.slc.shopify.errors import CredentialRefused, NoAnswer
from services.slc.shopify.graphql import PEER
from services.slc.shopify.states import TokenPair

OFFLINE_TOKEN = "urn:shopify:params:oauth:token-type:offline-access-token"  # noqa: S105  the name of a kind of token
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  the name of a grant


class _TokenAnswer(Value):
    access_token: str
    scope: str = ""
    expires_in: int | None = None
    refresh_token: str | None = None
    refresh_token_expires_in: int | None = None


class TokenCalls:
    """Implements the port's `Tokens`. `url` holds `{shop}`."""

    def __init__(self, http: HttpClient, url: str, client_id: str, client_secret: str, seconds: float) -> None:
        self._http = http
        self._url = url
        self._client_id = client_id
        self._client_secret = client_secret
        self._seconds = seconds

    async def exchange(self, shop_domain: str, code: str) -> TokenPair:
        return await self._ask(shop_domain, code=code, expiring="1")

    async def refresh(self, shop_domain: str, refresh_token: str) -> TokenPair:
        return await self._ask(shop_domain, grant_type="refresh_token", refresh_token=refresh_token)

    async def to_expiring(self, shop_domain: str, token: str) -> TokenPair:
        return await self._ask(
            shop_domain,
            grant_type=TOKEN_EXCHANGE,
            subject_token=token,
            subject_token_type=OFFLINE_TOKEN,
            requested_token_type=OFFLINE_TOKEN,
            expiring="1",
        )

    async def _ask(self, shop_domain: str, **fields: Any) -> TokenPair:
        url = self._url.replace("{shop}", shop_domain) + "/admin/oauth/access_token"
        sent = {"client_id": self._client_id, "client_secret": self._client_secret, **fields}
        headers = {"Accept": "application/json"}
        try:
            answer = await self._http.request(
                "POST", url, peer=PEER, headers=headers, json=sent, seconds=self._seconds, idempotent=False
            )
        except OutgoingFailed as failure:
            raise NoAnswer(str(failure)) from None
        if 400 <= answer.status < 500 and answer.status != 429:
            raise CredentialRefused("the shop refuses the code or token")
        if not answer.ok:
            raise NoAnswer(f"the shop answered {answer.status}")
        try:
            found = msgspec.json.decode(answer.body, type=_TokenAnswer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise NoAnswer("the shop's answer can't be read") from None
        return TokenPair(
            access_token=found.access_token,
            scopes=tuple(each.strip() for each in found.scope.split(",") if each.strip()),
            expires_in=found.expires_in,
            refresh_token=found.refresh_token,
            refresh_token_expires_in=found.refresh_token_expires_in,
        )
