"""The keys of tests: a private key for each holder, made from its name, and tokens signed with them."""

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Any

from chassis.auth.keys import Reread, public_keys, public_text, signing_key
from chassis.auth.token import IDENTIFIES, Signer, Verifier
from chassis.caller import Caller
from chassis.key_ring import KEY_BYTES
from chassis.rpc.client import PEERS, Sign
from chassis.settings import KeyText

HOLDERS = (*PEERS, "sample", "pots", "shop", "depot", "stickers")
"""Every service of the stack, and the services that tests make."""


def signing_text(holder: str) -> KeyText:
    """The private key of a holder, as a setting."""
    seed = blake2b(holder.encode(), digest_size=KEY_BYTES, person=b"tests").digest()
    return KeyText(f"test:{urlsafe_b64encode(seed).decode()}")


PUBLIC = KeyText("\n".join(public_text(holder, signing_text(holder)) for holder in HOLDERS))
"""Their public keys, as a setting."""


def key_settings(holder: str) -> dict[str, Any]:
    """The fields of a process's settings that have its keys."""
    return {"caller_signing_keys": signing_text(holder), "caller_public_keys": PUBLIC}


def key_environ(holder: str) -> dict[str, str]:
    """The same as environment variables."""
    return {name.upper(): str(value) for name, value in key_settings(holder).items()}


def signer_of(holder: str) -> Signer:
    """Signs with the key of a holder."""
    return Signer(holder, Reread(signing_text(holder), None, lambda text: signing_key(holder, text)))


def verifier_of(audience: str) -> Verifier:
    """Checks what is sent to a service."""
    return Verifier(audience, Reread(PUBLIC, None, public_keys))


_GATEWAY = signer_of(IDENTIFIES)


def token(caller: Caller, audience: str) -> str:
    """The token of a caller for a service, as the gateway makes it."""
    return _GATEWAY.sign(caller, audience)


def signs_as(holder: str) -> Sign:
    """How a service signs what it sends: users as if they had just called it through the gateway."""
    signer = signer_of(holder)

    def sign(caller: Caller, audience: str, proof: str | None = None) -> str:
        if proof is None and caller.kind != "service":
            proof = token(caller, holder)
        return signer.sign(caller, audience, proof)

    return sign
