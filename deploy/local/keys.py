"""The keys with which the processes of a stack sign callers: a private key for each, and everybody's public keys.

Files in `secrets/`: `caller-<service>.keys` for the service alone, `callers.public` for all. Processes read them again
when they change, so keys are exchanged while the stack runs: see `exchange`.
"""

import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.private_file import write_private
from deploy.local.state import Home

READ_AGAIN_SECONDS = 3.0
"""After so long, every process has read a file again that has changed."""

TOKENS_SECONDS = 40.0
"""After so long, no token is left that was signed with the former key."""


class CallerKeys:
    """The key files of one stack."""

    def __init__(self, home: Home, services: Sequence[str]) -> None:
        self._services = services
        self._home = home
        self.public = home.secret_file("callers.public")

    def signing(self, service: str) -> Path:
        """The file with the private key of a service."""
        return self._home.secret_file(f"caller-{service}.keys")

    def make(self) -> None:
        """Make the keys that are missing."""
        files = [self.signing(service) for service in self._services]
        missing = [file for file in files if not file.exists()]
        for file in missing:
            write_private(file, _new_key())
        if missing or not self.public.exists():
            self._publish()

    def exchange(self, wait: Callable[[float], None] = time.sleep) -> None:
        """Give every service a new key, in an order in which no call is refused.

        The new public keys are added first; the private keys follow once every process knows them; the former public
        keys go when nothing is on its way any more that was signed with them.
        """
        self.make()
        fresh = {service: _new_key() for service in self._services}
        self._publish(fresh)
        wait(READ_AGAIN_SECONDS)
        for service, text in fresh.items():
            write_private(self.signing(service), text)
        wait(TOKENS_SECONDS)
        self._publish()

    def _publish(self, more: dict[str, str] | None = None) -> None:
        """Write the public keys of all private keys, and of `more`."""
        texts = [(service, self.signing(service).read_text()) for service in self._services]
        texts += list((more or {}).items())
        write_private(self.public, "".join(f"{_public(service, text)}\n" for service, text in texts))


def _new_key() -> str:
    """A new private key, `<id>:<32 bytes in base64>`."""
    return f"{time.strftime('%Y%m%d')}-{secrets.token_hex(4)}:{urlsafe_b64encode(secrets.token_bytes(32)).decode()}"


def _public(service: str, text: str) -> str:
    key_id, _, seed = text.strip().partition(":")
    public = Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(seed)).public_key().public_bytes_raw()
    return f"{service}/{key_id}:{urlsafe_b64encode(public).decode()}"
