"""The caller's credential: a user's session guid or an org's API key, from the header or from the body.

It is hashed at once. Apart from the directory nothing gets the credential itself: it appears in no log line, answer,
error or call to a service.
"""

import hmac
import re
from hashlib import sha256
from typing import Literal

from chassis.errors import Invalid, Unauthorized, invalid_field

SESSION_HEADER = b"x-session-guid"
KEY_HEADER = b"x-api-key"

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"rsk_[A-Za-z0-9-]{1,64}_[A-Za-z0-9_-]{16,256}")


class Credential:
    """A well-formed credential."""

    __slots__ = ("digest", "kind", "text")

    def __init__(self, kind: Literal["session", "key"], text: str) -> None:
        self.kind = kind
        self.text = text
        self.digest = sha256(text.encode()).digest()

    def __repr__(self) -> str:
        return f"Credential({self.kind})"

    def fingerprint(self, key: bytes) -> str:
        """The credential as shown in answers and events: 16 hex digits of its HMAC under the gateway's key."""
        return hmac.digest(key, self.text.encode(), "sha256")[:8].hex()


class Found:
    """The credential of a request, and the problem if its places contradict each other."""

    __slots__ = ("credential", "problem")

    def __init__(self, credential: Credential | None, problem: Invalid | None) -> None:
        self.credential = credential
        self.problem = problem


def find(
    header_session: str | None,
    header_key: str | None,
    body_session: str | None,
    body_key: str | None,
) -> Found:
    """The credential that counts: header before body, session before key. Two different ones are a problem.

    The problem is reported later, because an unknown credential is answered with 401 first.
    """
    if header_session and not (header_key or body_session or body_key):
        return Found(_formed("session", header_session), None)
    given = [
        (kind, text)
        for kind, text in (
            ("session", header_session),
            ("key", header_key),
            ("session", body_session),
            ("key", body_key),
        )
        if text
    ]
    if not given:
        return Found(None, None)
    problem = None
    if any(pair != given[0] for pair in given[1:]):
        problem = invalid_field(
            "session_guid" if body_session else "api_key", "the request carries two different credentials"
        )
    kind, text = given[0]
    return Found(_formed("session" if kind == "session" else "key", text), problem)


def _formed(kind: Literal["session", "key"], text: str) -> Credential | None:
    """The credential, or None if it is malformed."""
    pattern = _SESSION if kind == "session" else _KEY
    return Credential(kind, text) if pattern.fullmatch(text) else None


def unknown() -> Unauthorized:
    """The one answer for a credential that is missing, malformed, unknown, expired or revoked."""
    return Unauthorized("a valid session or API key is required")
