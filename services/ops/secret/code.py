"""scrypt in threads: at most two at a time, because each takes up to 128 MiB, with a short queue."""

import asyncio
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hmac import compare_digest

from chassis.errors import Throttled
from services.ops.secret.domain import Cost, SecretHash

THREADS = 2
WAITING_MAX = 32
SALT_BYTES = 16
HASH_BYTES = 32

_NO_SALT = bytes(SALT_BYTES)


class Hasher:
    """Computes and compares hashes. If no code is set, one is computed all the same, so that timing reveals nothing."""

    def __init__(self, exponent: int) -> None:
        self.cost = Cost(exponent=exponent)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="scrypt")
        self._waiting = 0

    async def hash(self, code: str) -> tuple[str, str]:
        """The salt and the hash of a new code, in hex."""
        salt = os.urandom(SALT_BYTES)
        return salt.hex(), (await self._scrypt(code, salt, self.cost)).hex()

    async def matches(self, code: str, secret: SecretHash | None) -> bool:
        """Whether the code matches the hash. Without a hash it never does, and takes as long."""
        if secret is None:
            await self._scrypt(code, _NO_SALT, self.cost)
            return False
        made = await self._scrypt(code, bytes.fromhex(secret.salt), secret.cost)
        return compare_digest(made, bytes.fromhex(secret.hashed))

    def is_outgrown(self, secret: SecretHash) -> bool:
        """Whether a hash was made at a lower cost than the current setting."""
        return secret.cost.memory_bytes < self.cost.memory_bytes

    def close(self) -> None:
        """End the threads after their current work."""
        self._threads.shutdown(wait=False)

    async def _scrypt(self, code: str, salt: bytes, cost: Cost) -> bytes:
        if self._waiting >= WAITING_MAX:
            raise Throttled("too many codes are being checked", 1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads,
                partial(
                    hashlib.scrypt,
                    code.encode(errors="surrogatepass"),
                    salt=salt,
                    n=1 << cost.exponent,
                    r=cost.block,
                    p=cost.lanes,
                    maxmem=cost.memory_bytes + (1 << 20),
                    dklen=HASH_BYTES,
                ),
            )
        finally:
            self._waiting -= 1
