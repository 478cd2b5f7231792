"""What SLC needs from its environment."""

import re
from typing import Annotated

from msgspec import Meta

from chassis.key_ring import KeyRing
from chassis.settings import BaseSettings, Secret, SettingsError

SHOP_BASE_URL_DEFAULT = "https://{shop}"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "[::1]", "localhost"})

_BASE_URL = re.compile(r"(https?)://([^/?#@\s]+)(/[^?#\s]*)?")


class SlcSettings(BaseSettings):
    """SLC's settings, besides those every process has.

    slc_keys                   keys that secrets of channels are sealed under; the first one seals, all open
    slc_shopify_api_version    version of the Admin API, named by its date
    slc_shopify_base_url       where SLC calls a shop; `{shop}` stands for its domain
    slc_shopify_timeout        of one request to a shop, in seconds
    slc_retry_delays           seconds between the attempts of a sync job
    slc_shopify_client_id      of the stack's own app; empty: there is none, and no OAuth
    slc_shopify_client_secret  its secret; during a rotation two, the new one first, separated by a comma
    slc_public_url             https address of the gateway, for redirects and webhooks
    slc_app_url                where a browser goes after the OAuth callback; empty: a plain page says the result
    """

    slc_keys: KeyRing = KeyRing()
    slc_shopify_api_version: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}|unstable)$")] = "2026-10"
    slc_shopify_base_url: str = SHOP_BASE_URL_DEFAULT
    slc_shopify_timeout: Annotated[float, Meta(gt=0, le=120)] = 10.0
    slc_retry_delays: tuple[str, ...] = ("5", "30", "120", "600", "3600")
    slc_shopify_client_id: str = ""
    slc_shopify_client_secret: Secret = Secret("")
    slc_public_url: str = "https://127.0.0.1:8080"
    slc_app_url: str = ""

    def sealing_keys(self) -> KeyRing:
        """The keys that credentials are sealed under."""
        return self.slc_keys

    def client_secrets(self) -> tuple[str, ...]:
        """The secrets of the stack's own app, the current one first."""
        return tuple(each.strip() for each in self.slc_shopify_client_secret.split(",") if each.strip())

    def retry_delays(self) -> tuple[float, ...]:
        """Seconds between the attempts of a sync job. Raises `SettingsError`."""
        try:
            delays = tuple(float(each) for each in self.slc_retry_delays)
        except ValueError:
            raise SettingsError("SLC_RETRY_DELAYS: seconds, separated by commas, are needed") from None
        if not delays or min(delays) < 0:
            raise SettingsError("SLC_RETRY_DELAYS: one or more numbers that are not below zero are needed")
        return delays

    def shop_base_url(self) -> str:
        """A shop's address with `{shop}` for its domain. Raises `SettingsError` for one that is not allowed."""
        url = self.slc_shopify_base_url
        found = _BASE_URL.fullmatch(url)
        if found is None or url.count("{shop}") != 1 or url.count("{") != 1 or url.count("}") != 1:
            raise SettingsError("SLC_SHOPIFY_BASE_URL: an address that holds {shop} exactly once is needed")
        host = re.sub(r":\d+$", "", found[2])
        if found[1] == "http" and host not in LOOPBACK_HOSTS:
            raise SettingsError("SLC_SHOPIFY_BASE_URL: http is allowed for 127.0.0.1, ::1 and localhost only")
        return url.rstrip("/")
