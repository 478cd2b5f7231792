"""A way to the database that can be cut at a chosen moment."""

import asyncio
from contextlib import suppress
from typing import Literal, Self
from urllib.parse import urlsplit

Cut = Literal["before", "after"]
COMMIT = b"commitTransaction"


class Proxy:
    """Passes bytes between clients and a server. `cut` loses the next commit on its way there, or its answer."""

    def __init__(self, uri: str, port: int = 0) -> None:
        parts = urlsplit(uri)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port or 27017
        self._own_port = port
        self._user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        self.cut: Cut | None = None
        self.cuts = 0
        self.swallowed = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def uri(self) -> str:
        """Where clients find it; they must not look for the server behind it."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"mongodb://{self._user}127.0.0.1:{port}/?directConnection=true&retryWrites=false"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._own_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await self._connect(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._host, self._port)
        lost = asyncio.Event()
        there = asyncio.create_task(self._there(reader, up_writer, lost))
        back = asyncio.create_task(self._back(up_reader, writer, lost))
        try:
            done, _ = await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            up_writer.close()

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        while data := await reader.read(1 << 16):
            if self.cut is not None and COMMIT in data:
                when, self.cut = self.cut, None
                self.cuts += 1
                if when == "before":
                    raise ConnectionResetError
                lost.set()
            writer.write(data)
            await writer.drain()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        while data := await reader.read(1 << 16):
            if lost.is_set():
                # The server has answered, and nobody will hear it.
                self.swallowed += 1
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
