"""A stand-in for a cluster's router: speaks MongoDB's wire protocol and knows one command, `shardCollection`."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import bson

OP_MSG, OP_QUERY, OP_REPLY = 2013, 2004, 1
HELLO = {
    "isWritablePrimary": True,
    "ismaster": True,
    "msg": "isdbgrid",
    "maxBsonObjectSize": 16 * 1024 * 1024,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 25,
    "logicalSessionTimeoutMinutes": 30,
}


class Router:
    """Remembers by which key each collection is sharded. `forbidden` refuses to shard, as a user without the role."""

    def __init__(self) -> None:
        self.uri = ""
        self.sharded: dict[str, dict[str, int]] = {}
        self.commands = 0
        self.forbidden = False

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """The reply to a command."""
        verb = next(iter(command))
        if verb.lower() in {"hello", "ismaster"}:
            return {**HELLO, "ok": 1}
        if verb == "buildInfo":
            return {"version": "8.0.0", "versionArray": [8, 0, 0, 0], "ok": 1}
        if verb == "shardCollection":
            return self._shard(command["shardCollection"], command["key"])
        return {"ok": 1}

    def _shard(self, name: str, key: dict[str, int]) -> dict[str, Any]:
        self.commands += 1
        if self.forbidden:
            return {"ok": 0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized to shard"}
        if self.sharded.setdefault(name, key) != key or list(self.sharded[name]) != list(key):
            return {"ok": 0, "code": 23, "codeName": "AlreadyInitialized", "errmsg": f"{name} has another shard key"}
        return {"collectionsharded": name, "ok": 1}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the commands of one connection until it closes."""
        try:
            while True:
                length, request, _, code = struct.unpack("<iiii", await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                writer.write(self._reply(request, code, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _reply(self, request: int, code: int, body: bytes) -> bytes:
        if code == OP_QUERY:
            # The first message of a connection: flags, the collection's name, two numbers, the document.
            document = bson.decode(body[body.index(b"\0", 4) + 9 :])
            reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(self.answer(document))
            return struct.pack("<iiii", 16 + len(reply), 0, request, OP_REPLY) + reply
        # Flags, the kind of the section, the document.
        reply = struct.pack("<iB", 0, 0) + bson.encode(self.answer(bson.decode(body[5:])))
        return struct.pack("<iiii", 16 + len(reply), 0, request, OP_MSG) + reply


@asynccontextmanager
async def a_router() -> AsyncIterator[Router]:
    """A router, up while the block lasts."""
    router = Router()
    server = await asyncio.start_server(router.serve, "127.0.0.1", 0)
    router.uri = f"mongodb://127.0.0.1:{server.sockets[0].getsockname()[1]}/?directConnection=true"
    try:
        yield router
    finally:
        server.close()
