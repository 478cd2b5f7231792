"""The object store: where pack uploads and manifest parts are stored. The port; `local.py` and `s3.py` implement it.

Keys are `pmc/<orgcode>/packs/<pack_id>/<pack_rev>` and `pmc/<orgcode>/runs/<run_id>/part-<7 digits>.ndjson`; the part
that closes a run before its end is `part-<7 digits>-<lines>.ndjson`.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Literal, Protocol

from msgspec import Meta

from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import UpstreamFailed
from chassis.values import Count
from chassis.values import Utc as UtcText
from services.pmc.words import Part

CHUNK_BYTES = 256 * 1024
UPLOAD_BYTES_MAX = 1024 * 1024 * 1024

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_KEY = re.compile(
    rf"pmc/[A-Z0-9]{{4,16}}/(packs/{_ID}/[1-9][0-9]{{0,9}}|runs/{_ID}/part-[0-9]{{7}}(-[0-9]{{1,4}})?\.ndjson)"
)


class StoreDown(UpstreamFailed):
    """The object store does not answer."""


class SignedRequest(Part):
    """A request that anyone who has it may send until it expires."""

    method: Literal["GET", "PUT"]
    url: Annotated[str, Meta(max_length=2048)]
    headers: dict[str, str]
    expires_utc: UtcText
    max_bytes: Count | None = None


class ObjectInfo(Value):
    """A stored object."""

    key: str
    size: int
    modified_utc: Utc


class ObjectStore(Protocol):
    """Objects by key. Everything raises `StoreDown` where the store does not answer."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object whole; one of that key is replaced."""
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of an object, piece by piece. Raises `FileNotFoundError` where there is none."""
        ...

    async def info(self, key: str) -> ObjectInfo | None:
        """Size and time of an object, or None if there is none."""
        ...

    async def remove(self, key: str) -> None:
        """Remove an object, if there is one."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """The objects whose keys begin with the prefix."""
        ...

    def sign_put(
        self, key: str, *, size: int, sha256: str, headers: Mapping[str, str], now: Utc, seconds: int
    ) -> SignedRequest:
        """A signed upload of exactly this body, valid for `seconds`."""
        ...

    def sign_get(self, key: str, *, now: Utc, seconds: int) -> SignedRequest:
        """A signed download, valid for `seconds`."""
        ...

    async def answers(self) -> bool:
        """Whether the store answers; never raises."""
        ...


def pack_key(orgcode: str, pack_id: str, pack_rev: int) -> str:
    """The key of a pack upload."""
    return f"pmc/{orgcode}/packs/{pack_id}/{pack_rev}"


def part_key(orgcode: str, run_id: str, part: int, closing_lines: int | None = None) -> str:
    """The key of a manifest part; of one that closes a run early, with its lines: it never replaces a full part."""
    closing = "" if closing_lines is None else f"-{closing_lines}"
    return f"pmc/{orgcode}/runs/{run_id}/part-{part:07d}{closing}.ndjson"


def is_key(key: str) -> bool:
    """Whether a key is of one of the two forms."""
    return _KEY.fullmatch(key) is not None
