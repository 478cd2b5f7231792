"""gzip for large answers, if the caller accepts it."""

import asyncio
import zlib

from aiohttp import web
from aiohttp.web_response import ContentCoding
from multidict import CIMultiDict

LEVEL = 1
"""Fast: JSON shrinks to about a tenth at any level."""

OFF_LOOP_BYTES = 64 * 1024
"""Larger answers are compressed in a thread, so that the event loop is not blocked."""

_KINDS = ("application/json", "application/yaml", "application/x-ndjson", "application/javascript", "text/")


class Compression:
    """Decides which answers are compressed, and compresses them."""

    def __init__(self, bytes_min: int) -> None:
        self.bytes_min = bytes_min

    def possible(self, size: int) -> bool:
        """Whether an answer of this size may be compressed at all."""
        return 0 < self.bytes_min <= size

    def worth(self, accept_encoding: str, headers: CIMultiDict[str], size: int) -> bool:
        """Whether to compress an answer. One with an ETag is not: the tag is for exactly these bytes."""
        if not self.bytes_min or size < self.bytes_min:
            return False
        if "Content-Encoding" in headers or "ETag" in headers or "Content-Range" in headers:
            return False
        if not headers.get("Content-Type", "").startswith(_KINDS):
            return False
        headers.add("Vary", "Accept-Encoding")
        return accepts_gzip(accept_encoding)

    async def whole(self, body: bytes, headers: CIMultiDict[str]) -> bytes:
        """The compressed body; `Content-Encoding` is set in `headers`."""
        headers["Content-Encoding"] = "gzip"
        if len(body) < OFF_LOOP_BYTES:
            return _gzip(body)
        return await asyncio.get_running_loop().run_in_executor(None, _gzip, body)

    def stream(self, response: web.StreamResponse) -> None:
        """Compress a response while it is written."""
        response.enable_compression(ContentCoding.gzip)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` allows gzip (RFC 9110, 12.5.3); an absent one does not."""
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
