"""gzip for large answers, where the caller takes it and it is worth it."""

import asyncio
import zlib

from aiohttp import web
from aiohttp.web_response import ContentCoding
from multidict import CIMultiDict

LEVEL = 1
"""Most of the gain for a fraction of the time: JSON shrinks to a tenth either way."""

OFF_LOOP_BYTES = 64 * 1024
"""Larger answers are compressed in a thread, so that nobody waits for them."""

_KINDS = ("application/json", "application/yaml", "application/x-ndjson", "application/javascript", "text/")


class Compression:
    """Decides, and compresses."""

    def __init__(self, bytes_min: int) -> None:
        self.bytes_min = bytes_min

    def possible(self, size: int) -> bool:
        """Whether an answer of this size may be compressed at all."""
        return 0 < self.bytes_min <= size

    def worth(self, accept_encoding: str, headers: CIMultiDict[str], size: int) -> bool:
        """Whether an answer is compressed. One with an ETag is left alone: its bytes are what the tag vouches for."""
        if not self.bytes_min or size < self.bytes_min:
            return False
        if "Content-Encoding" in headers or "ETag" in headers or "Content-Range" in headers:
            return False
        if not headers.get("Content-Type", "").startswith(_KINDS):
            return False
        headers.add("Vary", "Accept-Encoding")
        return accepts_gzip(accept_encoding)

    async def whole(self, body: bytes, headers: CIMultiDict[str]) -> bytes:
        """The body compressed, and the headers saying so."""
        headers["Content-Encoding"] = "gzip"
        if len(body) < OFF_LOOP_BYTES:
            return _gzip(body)
        return await asyncio.get_running_loop().run_in_executor(None, _gzip, body)

    def stream(self, response: web.StreamResponse) -> None:
        """Let a response be compressed as it is written."""
        response.enable_compression(ContentCoding.gzip)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding takes gzip (RFC 9110, 12.5.3); an absent one does not."""
    any_taken = False
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        taken = weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
        if coding.strip() in {"gzip", "x-gzip"}:
            return taken
        if coding.strip() == "*":
            any_taken = taken
    return any_taken


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()
