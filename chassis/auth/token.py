"""Signed callers: a JWT (EdDSA) for one service, valid for 30 seconds.

The gateway signs for users, API keys and anonymous callers. A service signs for itself alone; to act for a user it
encloses the gateway's token that it was called with, so it can act only for users who are calling it. Every holder has
its own private key, and every process all public keys.

A signature costs about 0.1 ms and a check 0.3 ms, so both are cached: a token is sent with all requests of the same
caller to the same service for 10 s, and a checked token is remembered until it expires. The request id is therefore not
in it. Only the one JWT header that this module writes is accepted, so no token chooses its own algorithm.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from collections.abc import Callable, Mapping
from time import time
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature

from chassis.auth.keys import PublicKey, Reread, SigningKey
from chassis.caller import Caller
from chassis.errors import Forbidden, Unauthorized
from chassis.frozen import Frozen

HEADER = "x-caller"
IDENTIFIES = "gateway"
"""The holder that knows users and API keys."""

TOKEN_SECONDS = 30
SKEW_SECONDS = 5
"""How much the clocks of two processes may differ."""

REUSE_SECONDS = 10
"""How long a token is sent again for the same caller; it must not expire on its way."""

TOKEN_BYTES_MAX = 8190
TOKENS_MAX = 20_000
"""Limit of each of the two caches: signed tokens, and checked tokens."""

_SIGNATURE_BYTES = 86  # of base64 without padding


K = TypeVar("K")
V = TypeVar("V")


class MayNotSign(Exception):
    """A defect: a holder was asked to sign for a caller that it has no right to sign for."""


class _Claims(Frozen, omit_defaults=True):
    iss: str
    aud: str
    exp: int
    kind: str
    actor: str
    orgcode: str | None = None
    roles: frozenset[str] = frozenset()
    owner: bool = False
    cccode: str | None = None
    fingerprint: str | None = None
    proof: str | None = None


class _Read(Caller):
    """The content of a token: a caller and the other claims."""

    iss: str
    aud: str
    exp: int
    proof: str | None = None


class Verified(Frozen):
    """A checked token: the caller, and the holder that signed it.

    `token` is the gateway's token of a user, which proves the user to the next service; None in all other cases.
    """

    caller: Caller
    issuer: str
    expires: int
    token: str | None = None

    def for_http(self) -> "Verified":
        """This token, if it is valid over HTTP: services call each other over gRPC only. Raises `Forbidden`."""
        if self.issuer != IDENTIFIES or self.caller.kind == "service":
            raise Forbidden("services of the stack call each other over gRPC")
        return self


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Read).decode


class Signer:
    """Signs callers with the private key of its holder."""

    def __init__(self, holder: str, keys: Reread[SigningKey], now: Callable[[], float] = time) -> None:
        self._holder = holder
        self._keys = keys
        self._now = now
        self._generation = keys.generation
        self._made: dict[tuple[str, Caller, str | None], tuple[str, float]] = {}

    def sign(self, caller: Caller, audience: str, proof: str | None = None) -> str:
        """The token of a caller for one service. `proof` is the token of a user for whom a service acts.

        Raises `MayNotSign` if the holder may not sign for the caller.
        """
        key = self._keys.current()
        if self._keys.generation != self._generation:
            self._made.clear()
            self._generation = self._keys.generation
        now = self._now()
        wanted = (audience, caller, proof)
        made = self._made.get(wanted)
        # A clock that was set back must not keep a token in use.
        if made is not None and made[1] - REUSE_SECONDS <= now < made[1]:
            return made[0]
        token = self._sign(key, caller, audience, proof, now)
        self._made.pop(wanted, None)
        _keep(self._made, wanted, (token, now + REUSE_SECONDS))
        return token

    def _sign(self, key: SigningKey, caller: Caller, audience: str, proof: str | None, now: float) -> str:
        if self._holder != IDENTIFIES and caller.kind != "service":
            if proof is None:
                raise MayNotSign("a service can act for a user only while it is called by them")
            # Everything about the user is in the proof.
            caller = Caller(kind="service", actor=self._holder)
        else:
            proof = None
        claims = _Claims(
            iss=self._holder,
            aud=audience,
            exp=int(now) + TOKEN_SECONDS,
            kind=caller.kind,
            actor=caller.actor,
            orgcode=caller.orgcode,
            roles=caller.roles,
            owner=caller.owner,
            cccode=caller.cccode,
            fingerprint=caller.fingerprint,
            proof=proof,
        )
        signed = _head(key.name) + urlsafe_b64encode(_encode(claims)).rstrip(b"=")
        mark = urlsafe_b64encode(key.key.sign(signed)).rstrip(b"=")
        return (signed + b"." + mark).decode()


class Verifier:
    """Checks tokens that were made for one service."""

    def __init__(self, audience: str, keys: Reread[Mapping[str, PublicKey]], now: Callable[[], float] = time) -> None:
        self._audience = audience
        self._keys = keys
        self._now = now
        self._generation = keys.generation
        self._heads = _heads_of(keys.value)
        self._known: dict[str, Verified] = {}

    def verify(self, token: str) -> Verified:
        """What a token says. Raises `Unauthorized` if it is forged, altered, expired or made for another service."""
        keys = self._keys.current()
        if self._keys.generation != self._generation:
            self._heads = _heads_of(keys)
            self._known.clear()
            self._generation = self._keys.generation
        now = self._now()
        known = self._known.get(token)
        if known is None:
            known = self._check(token, self._audience, now)
            _keep(self._known, token, known)
        elif not now < known.expires:
            del self._known[token]
            raise Unauthorized("the caller header is not valid")
        return known

    def _check(self, token: str, audience: str, now: float) -> Verified:
        read, signer = self._read(token)
        # A token that lives longer than any is made for was made by somebody else, or is to be used later.
        if read.iss != signer.holder or read.aud != audience:
            raise Unauthorized("the caller header is not valid")
        if not now < read.exp <= now + TOKEN_SECONDS + SKEW_SECONDS:
            raise Unauthorized("the caller header is not valid")
        if read.proof is not None:
            return self._check_proof(read, now)
        if read.kind != "service" and signer.holder != IDENTIFIES:
            raise Unauthorized("the caller header is not valid")
        return Verified(
            caller=_caller_of(read),
            issuer=signer.holder,
            expires=read.exp,
            token=token if read.kind != "service" else None,
        )

    def _check_proof(self, read: _Read, now: float) -> Verified:
        """The user for whom a service acts, from the token that the gateway made for that service."""
        assert read.proof is not None
        inner, signer = self._read(read.proof)
        if inner.proof is not None or signer.holder != IDENTIFIES or inner.kind == "service":
            raise Unauthorized("the caller header is not valid")
        proved = self._check(read.proof, read.iss, now)
        return Verified(caller=proved.caller, issuer=read.iss, expires=min(read.exp, proved.expires))

    def _read(self, token: str) -> tuple[_Read, PublicKey]:
        """The claims of a token whose signature is right, and the key that signed it."""
        try:
            raw = token.encode("ascii")
        except UnicodeEncodeError:
            raise Unauthorized("the caller header is not valid") from None
        signed, _, mark = raw.rpartition(b".")
        head = signed[: signed.find(b".") + 1]
        signer = self._heads.get(head)
        if signer is None or len(raw) > TOKEN_BYTES_MAX or len(mark) != _SIGNATURE_BYTES:
            raise Unauthorized("the caller header is not valid")
        payload = signed[len(head) :]
        try:
            signature = urlsafe_b64decode(mark + b"==")
            # Several texts stand for the same bytes; only the one that is written is accepted.
            if urlsafe_b64encode(signature).rstrip(b"=") != mark:
                raise Unauthorized("the caller header is not valid")
            signer.key.verify(signature, signed)
            return _decode(urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))), signer
        except (InvalidSignature, BinasciiError, msgspec.DecodeError, UnicodeDecodeError):
            raise Unauthorized("the caller header is not valid") from None


def _head(name: str) -> bytes:
    head = _encode({"alg": "EdDSA", "kid": name, "typ": "JWT"})
    return urlsafe_b64encode(head).rstrip(b"=") + b"."


def _heads_of(keys: Mapping[str, PublicKey]) -> dict[bytes, PublicKey]:
    return {_head(name): key for name, key in keys.items()}


def _caller_of(read: _Read) -> Caller:
    return Caller(
        kind=read.kind,
        actor=read.actor,
        orgcode=read.orgcode,
        roles=read.roles,
        owner=read.owner,
        cccode=read.cccode,
        fingerprint=read.fingerprint,
    )


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Keep a value, and drop the oldest one beyond the limit."""
    if len(kept) >= TOKENS_MAX:
        del kept[next(iter(kept))]
    kept[key] = value
