"""What becomes of a callback: the token is obtained, tested, and stored on its channel or kept under a claim."""

from chassis.caller import Call
from chassis.clock import Clock, Utc, later, to_seconds
from chassis.entity import Value
from chassis.errors import Refusal
from chassis.jobs.orgs import within
from chassis.rpc.client import Channels
from chassis.sealed import Sealed
from chassis.unit import Change, Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.connection.storing import store_credentials
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import CredentialTestFailed, Given
from services.slc.credential.store import credentials_of_shop
from services.slc.lifecycle.store import OAUTH_STATES, OauthState
from services.slc.oauth.directory import may_manage
from services.slc.oauth.domain import CLAIM_SECONDS, digest_of, is_good, new_claim, refused
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import CredentialRefused
from services.slc.shopify.signatures import query_holds
from services.slc.shopify.states import ShopFacts, TokenPair


class CallbackOutcome(Value):
    """What a callback led to: a channel that is connected, or a claim."""

    channel_id: str | None = None
    claim: str | None = None


class Callback:
    """Serves one callback."""

    def __init__(
        self, units: Units, access: ShopAccess, channels: Channels, settings: SlcSettings, clock: Clock
    ) -> None:
        self._units = units
        self._channels = channels
        self._access = access
        self._settings = settings
        self._clock = clock

    async def checked(self, call: Call, fields: dict[str, str]) -> OauthState:
        """The state of a callback whose signature, timestamp and shop hold. Raises `Invalid`."""
        now = self._clock.now()
        shop = fields.get("shop", "").lower()
        if not query_holds(fields, self._settings.client_secrets(), to_seconds(now)):
            raise refused()

        async def read(view: View) -> OauthState | None:
            return await view.get(OAUTH_STATES, digest_of(fields.get("state", "")))

        state = await self._units.view(call, read)
        if state is None or not is_good(state, shop, now):
            raise refused()
        return state

    async def obtained(self, shop: str, code: str) -> tuple[Given, ShopFacts]:
        """The token for a code, and what the shop says of it. Raises `CredentialTestFailed`, `ShopFailed`."""
        try:
            pair = await self._access.shops.tokens.exchange(shop, code)
        except CredentialRefused as failure:
            raise CredentialTestFailed("the shop refuses the code", check="accepted") from failure
        facts = await self._access.probe(shop, pair.access_token)
        if facts.domain.lower() != shop:
            raise CredentialTestFailed("the token belongs to another shop", check="shop")
        return given_of(pair), facts

    async def served(self, call: Call, state: OauthState, code: str) -> CallbackOutcome:
        """Obtain the token, and store it where it belongs.

        Raises `CredentialTestFailed`, `ShopFailed`, `Invalid`, and `Unavailable` if the directory does not answer.
        """
        # Asked first: a code is good once, so nothing may fail for want of the directory after its use.
        stores = state.kind == "channel" and await may_manage(self._channels, call, state)
        given, facts = await self.obtained(state.shop_domain, code)
        if stores:
            try:
                stored = await self._stored(call, state, given, facts)
            except CredentialTestFailed:
                raise
            except Refusal:
                stored = None
            if stored is not None:
                return CallbackOutcome(channel_id=stored)
        return CallbackOutcome(claim=await self._claimed(call, state, given))

    async def _stored(self, call: Call, state: OauthState, given: Given, facts: ShopFacts) -> str | None:
        """Store the token on the state's channel; None where it may not be: then it goes under a claim."""

        async def write(change: Change) -> str | None:
            channel = await change.get(CHANNELS, state.channel_id)
            if channel is None or await held_elsewhere(change, channel):
                return None
            await take_state(change, state)
            await store_credentials(change, channel, given, facts, self._access.fingerprints)
            return channel.channel_id

        return await self._units.change(within(call, state.orgcode), write)

    async def _claimed(self, call: Call, state: OauthState, given: Given) -> str:
        """Keep the token sealed under a claim, which is shown once."""
        claim = new_claim()

        async def write(change: Change) -> None:
            await take_state(change, state)
            await change.insert(OAUTH_STATES, claim_of(claim, state.shop_domain, given, change.now))

        await self._units.change(call, write)
        return claim


async def held_elsewhere(view: View, channel: StoredChannel) -> bool:
    """Whether another org holds credentials of the channel's shop."""
    held = await credentials_of_shop(view, channel.shop_domain)
    return any(each.orgcode != channel.orgcode and each.access_token is not None for each in held)


async def take_state(change: Change, state: OauthState) -> None:
    """Use a state or claim up. Raises `Invalid` if it was used meanwhile."""
    known = await change.get(OAUTH_STATES, state.digest)
    if known is None:
        raise refused()
    await change.delete(OAUTH_STATES, known)


def given_of(pair: TokenPair) -> Given:
    """A token of the stack's own app."""
    return Given(
        kind="oauth",
        access_token=pair.access_token,
        refresh_token=pair.refresh_token,
        expires_in=pair.expires_in,
        refresh_token_expires_in=pair.refresh_token_expires_in,
    )


def claim_of(claim: str, shop: str, given: Given, now: Utc) -> OauthState:
    """A claim to a token."""
    return OauthState(
        digest=digest_of(claim),
        kind="claim",
        shop_domain=shop,
        expires_utc=later(now, CLAIM_SECONDS),
        access_token=Sealed.of(given.access_token),
        refresh_token=Sealed.of(given.refresh_token) if given.refresh_token else None,
        expires_in=given.expires_in,
        refresh_token_expires_in=given.refresh_token_expires_in,
        obtained_utc=now,
    )
