"""The object store as a folder. An object is visible only once it is complete.

Signed links point to PMC's own routes below `/pmc/objects/`; `links.py` makes and verifies them.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from chassis.clock import Utc, from_seconds
from services.pmc.objects.links import ObjectLinks
from services.pmc.objects.port import CHUNK_BYTES, ObjectInfo, SignedRequest, StoreDown

T = TypeVar("T")

_PARTIAL = ".partial-"


class LocalObjectStore:
    """Objects below one folder, each a file named by its key."""

    def __init__(self, folder: Path, links: ObjectLinks) -> None:
        self._folder = folder
        self.links = links

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object whole."""
        del content_type  # A file has none: the routes know it by the key.

        def write() -> None:
            with self._partial(key) as draft:
                draft.write(data)
                draft.keep()

        await _in_thread(write)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], sha256: str) -> bool:
        """Store a streamed body if it has this SHA-256; returns whether it has."""
        draft = await _in_thread(lambda: self._partial(key))
        digest = hashlib.sha256()
        kept = False
        try:
            async for chunk in chunks:
                digest.update(chunk)
                await _in_thread(partial(draft.write, chunk))
            if digest.hexdigest() == sha256:
                await _in_thread(draft.keep)
                kept = True
        finally:
            await _in_thread(draft.close)
        return kept

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of an object, piece by piece."""
        file = await _in_thread(lambda: self.path(key).open("rb"))
        try:
            while chunk := await _in_thread(lambda: file.read(CHUNK_BYTES)):
                yield chunk
        finally:
            file.close()

    async def info(self, key: str) -> ObjectInfo | None:
        """Size and time of an object, or None if there is none."""

        def look() -> ObjectInfo | None:
            try:
                found = self.path(key).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            return ObjectInfo(key=key, size=found.st_size, modified_utc=from_seconds(found.st_mtime))

        return await _in_thread(look)

    async def remove(self, key: str) -> None:
        """Remove an object, and folders that it leaves empty."""

        def remove() -> None:
            path = self.path(key)
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._folder or not parent.is_dir() or any(parent.iterdir()):
                    return
                parent.rmdir()

        await _in_thread(remove)

    async def keys(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """The objects whose keys begin with the prefix; includes partial files left by a crash."""

        def walk() -> list[ObjectInfo]:
            return sorted(self._walk(prefix), key=lambda each: each.key)

        for each in await _in_thread(walk):
            yield each

    def sign_put(
        self, key: str, *, size: int, sha256: str, headers: Mapping[str, str], now: Utc, seconds: int
    ) -> SignedRequest:
        """A signed upload of exactly this body."""
        return self.links.put(key, size=size, sha256=sha256, headers=headers, now=now, seconds=seconds)

    def sign_get(self, key: str, *, now: Utc, seconds: int) -> SignedRequest:
        """A signed download."""
        return self.links.get(key, now=now, seconds=seconds)

    async def answers(self) -> bool:
        """Whether the folder can be written to."""

        def look() -> bool:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.access(self._folder, os.W_OK | os.X_OK)

        try:
            return await _in_thread(look)
        except StoreDown:
            return False

    def path(self, key: str) -> Path:
        """The file of an object."""
        return self._folder / key

    def _partial(self, key: str) -> "_Draft":
        return _Draft(self.path(key))

    def _walk(self, prefix: str) -> Iterator[ObjectInfo]:
        start = self._folder / prefix.rpartition("/")[0]
        for path in start.rglob("*") if start.is_dir() else ():
            key = path.relative_to(self._folder).as_posix()
            try:
                if key.startswith(prefix) and path.is_file():
                    found = path.stat()
                    yield ObjectInfo(key=key, size=found.st_size, modified_utc=from_seconds(found.st_mtime))
            except FileNotFoundError:
                continue


class _Draft:
    """A file being written beside its place."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._draft = path.with_name(f"{_PARTIAL}{secrets.token_hex(8)}")
        self._file = self._draft.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def keep(self) -> None:
        """Flush it to disk and rename it to its final name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        self._file.close()
        self._draft.unlink(missing_ok=True)


async def _in_thread(work: Callable[[], T]) -> T:
    """Run file work in a thread. Raises `FileNotFoundError` as it is; any other `OSError` as `StoreDown`."""
    try:
        return await asyncio.to_thread(work)
    except FileNotFoundError:
        raise
    except OSError as failure:
        raise StoreDown("the object store does not answer") from failure
