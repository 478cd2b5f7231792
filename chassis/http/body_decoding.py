"""Decodes request bodies: small ones at once, larger ones in a thread, so that no body holds up the event loop."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from chassis.decoding.pace import Pace
from chassis.errors import Unavailable
from chassis.http.decode import Decoded, Decoder

AT_ONCE_BYTES_MAX = 8 * 1024
"""Largest body that is decoded in the event loop; the most careful reading of it takes a few milliseconds."""

THREADS = 2
WAITING_MAX = 128
"""Larger bodies decoded and waiting at once. At 1 MiB each this bounds their memory too."""


class BodyDecoding:
    """The threads of one process that decode larger bodies."""

    def __init__(self) -> None:
        self.waiting = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="body")

    async def decode(self, decoder: Decoder, body: bytes, headers: Mapping[str, str]) -> Decoded:
        """The request in a body. Raises `Invalid`, and `Unavailable` while too many larger bodies are waiting."""
        if len(body) <= AT_ONCE_BYTES_MAX:
            return decoder.from_body(body, headers)
        if self.waiting >= WAITING_MAX:
            raise Unavailable("too many large bodies are being read")
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, decoder.from_body, body, headers, Pace())
        finally:
            self.waiting -= 1
