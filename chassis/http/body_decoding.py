"""Decodes request bodies so that none holds up the event loop: small ones at once, larger ones in a thread.

Bodies above the usual limit are first split in a child process, by endpoints that take a field unread.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chassis.cpu_pool import CpuPool
from chassis.decoding.pace import Pace
from chassis.endpoint import BODY_BYTES_MAX
from chassis.errors import Unavailable
from chassis.http.decode import Decoded, Decoder
from chassis.http.splitting import split_large

T = TypeVar("T")

AT_ONCE_BYTES_MAX = 8 * 1024
"""Largest body that is decoded in the event loop; the most careful reading of it takes a few milliseconds."""

THREADS = 2
WAITING_MAX = 128
"""Larger bodies decoded and waiting at once. At 1 MiB each this bounds their memory too."""


class BodyDecoding:
    """The threads of one process that decode larger bodies. `cpu` is needed for bodies above the usual limit."""

    def __init__(self, cpu: CpuPool | None = None) -> None:
        self.waiting = 0
        self._cpu = cpu
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="body")

    async def decode(self, decoder: Decoder, body: bytes, headers: Mapping[str, str], org: str = "") -> Decoded:
        """The request in a body. Raises `Invalid`, and `Unavailable` while too many larger bodies are waiting."""
        if len(body) <= AT_ONCE_BYTES_MAX:
            return decoder.from_body(body, headers)
        if self.waiting >= WAITING_MAX:
            raise Unavailable("too many large bodies are being read")
        self.waiting += 1
        try:
            if len(body) > BODY_BYTES_MAX and decoder.unread and self._cpu is not None:
                parts = await self._cpu.run(split_large, body, decoder.unread, org=org)
                return await self._in_thread(decoder.from_parts, parts, headers)
            return await self._in_thread(decoder.from_body, body, headers)
        finally:
            self.waiting -= 1

    async def _in_thread(
        self, work: Callable[[T, Mapping[str, str], Pace], Decoded], given: T, headers: Mapping[str, str]
    ) -> Decoded:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, given, headers, Pace())
