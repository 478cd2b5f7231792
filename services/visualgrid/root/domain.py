"""Root tokens: what an operator gets for the secret code, and what is kept of it."""

from base64 import urlsafe_b64encode
from hashlib import sha256

from chassis.caller import Caller
from chassis.clock import Utc, later
from chassis.entity import Expiring

TOKEN_BYTES = 32
TOKEN_SECONDS = 3600
TOKEN_ID_DIGITS = 16
ROOT_ACTOR = "root"


class RootToken(Expiring):
    """A root token as stored: its SHA-256 in hex, never the token. `code_id` names the code it was given for."""

    token_hash: str
    code_id: str


def token_from(random_bytes: bytes) -> str:
    """The text of a token."""
    return urlsafe_b64encode(random_bytes).decode().rstrip("=")


def hash_of(token: str) -> str:
    """What is stored of a token: its SHA-256 in hex."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def kept_of(token: str, code_id: str, now: Utc) -> RootToken:
    """The stored form of a token given out now."""
    return RootToken(token_hash=hash_of(token), code_id=code_id, expires_utc=later(now, TOKEN_SECONDS))


def caller_of(token: RootToken) -> Caller:
    """The caller that a token stands for; its fingerprint is the token's id in logs."""
    return Caller(kind="anonymous", actor=ROOT_ACTOR, fingerprint=token.token_hash[:TOKEN_ID_DIGITS])
