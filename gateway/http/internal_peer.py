"""The address of the caller behind a call that a gateway sends to its own port; only gateways can make the header."""

import hmac

INTERNAL_PEER = "x-internal-peer"


class InternalPeers:
    """Makes and reads the header. The key is the gateways' own, so the call may reach another of them."""

    def __init__(self, gateway_key: bytes) -> None:
        self._key = hmac.digest(gateway_key, b"internal peer", "sha256")

    def name(self, peer: str) -> str:
        """The header for a caller's address."""
        return f"{peer} {self._mark(peer)}"

    def read(self, header: str) -> str | None:
        """The address in a header, or None if no gateway made it."""
        peer, _, mark = header.rpartition(" ")
        return peer if mark.isascii() and hmac.compare_digest(mark, self._mark(peer)) else None

    def _mark(self, peer: str) -> str:
        return hmac.digest(self._key, peer.encode("utf-8", "surrogateescape"), "sha256").hex()
