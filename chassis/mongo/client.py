"""The connection to the database, through Motor or PyMongo's own asyncio API.

Only this file, `collection.py`, `transaction.py` and `errors.py` know the driver. Every operation waits for admission
in order of arrival, because the driver's own queue for connections is unfair.
"""

import asyncio
import inspect
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from bson.int64 import Int64
from pymongo import AsyncMongoClient
from pymongo.errors import InvalidOperation, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.uri_parser import parse_uri

from chassis.errors import Conflict, DatabaseError
from chassis.mongo.collection import MAJORITY, Collection, Document
from chassis.mongo.collection_sizes import CollectionSizes
from chassis.mongo.errors import DatabaseUnreachable, UnfitServer, translated
from chassis.mongo.quirks import Engine, Quirks, quirks_of
from chassis.mongo.transaction import Transaction
from chassis.telemetry.log import get_logger

Driver = Literal["motor", "pymongo"]
VERSION_MIN = (7, 0)
ADMITTED = 24
"""Operations in progress at a time. The pool is larger, so that none of them waits for a connection."""

POOL_MAX = 64
WAIT_SECONDS = 3.0
"""How long the driver looks for a server before the call is refused."""

RETRY_SECONDS = 0.5
"""Pause between two looks for a server at start."""

COMMIT_SECONDS = 10.0
SOCKET_SECONDS = 30.0
SESSION_IDLE_SECONDS = 60.0
_SNAPSHOT = ReadConcern("snapshot")

log = get_logger("chassis.mongo")


class Database:
    """One database of one server, with either driver."""

    def __init__(self, client: Any, uri: str, name: str, driver: Driver, quirks: Quirks, admitted: int) -> None:
        self.uri = uri
        self.name = name
        self.driver = driver
        self.quirks = quirks
        self.admitted = admitted
        self.in_use = 0
        self._client = client
        self.raw = client[name]
        self._gate = asyncio.Semaphore(admitted)
        self._sessions: deque[tuple[Any, float]] = deque()
        self._collections: dict[str, Collection] = {}
        self.sizes = CollectionSizes(self._count, scans=quirks.counts_by_scan)

    @classmethod
    async def connect(
        cls,
        uri: str,
        name: str,
        driver: Driver = "motor",
        engine: Engine = "",
        *,
        admitted: int = ADMITTED,
        wait_seconds: float = WAIT_SECONDS,
    ) -> "Database":
        """Connect and check the server. Raises `DatabaseUnreachable` if none answers, and `UnfitServer` if the address
        is wrong, or the server refuses the user or is too old.

        `engine` names what runs behind the URI; if empty, the server is asked.
        """
        try:
            client = _client(uri, driver, wait_seconds)
        except PyMongoError as cause:
            raise UnfitServer(f"the database's address can't be used: {cause}") from cause
        try:
            hello = await client.admin.command("hello")
            version = (await client.admin.command("buildInfo"))["versionArray"]
        except PyMongoError as cause:
            await _settled(client.close())
            if isinstance(translated(cause), DatabaseError):
                raise DatabaseUnreachable(f"no MongoDB answers: {cause}") from cause
            raise UnfitServer(f"the database refuses: {cause}") from cause
        if tuple(version[:2]) < VERSION_MIN:
            await _settled(client.close())
            found, wanted = ".".join(map(str, version[:3])), ".".join(map(str, VERSION_MIN))
            raise UnfitServer(f"the database is MongoDB {found}; {wanted} or newer is needed")
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            await _settled(client.close())
            raise UnfitServer("the database is a lone server; transactions need a replica set")
        return cls(client, uri, name, driver, quirks_of(engine, hello), admitted)

    @classmethod
    async def await_server(
        cls, uri: str, name: str, driver: Driver = "motor", engine: Engine = "", *, seconds: float
    ) -> "Database":
        """As `connect`, but waits for up to `seconds` for a server that does not answer yet."""
        until = time.monotonic() + seconds
        announced = False
        while True:
            try:
                return await cls.connect(uri, name, driver, engine)
            except DatabaseUnreachable:
                if time.monotonic() >= until:
                    raise
                if not announced:
                    log.warning("waiting for the database", seconds=seconds)
                announced = True
            await asyncio.sleep(RETRY_SECONDS)

    @property
    def waiting(self) -> int:
        """Operations that wait for admission."""
        return len(self._gate._waiters or ())  # asyncio has no public way to ask

    def collection(self, name: str) -> "Collection":
        """A collection by name."""
        found = self._collections.get(name)
        if found is None:
            found = self._collections[name] = Collection(self, name)
        return found

    async def command(self, command: Mapping[str, Any]) -> Document:
        """Run a database command outside a transaction."""
        async with self.admission(), self.session() as session:
            try:
                reply: Document = await self.raw.command(dict(command), session=session)
            except PyMongoError as cause:
                raise translated(cause) from cause
            return reply

    async def administer(self, command: Mapping[str, Any]) -> Document:
        """Run a command on the server's `admin` database. Raises `Conflict` if the server refuses it."""
        async with self.admission():
            try:
                reply: Document = await self._client.admin.command(dict(command))
            except OperationFailure as cause:
                refused = translated(cause)
                if refused is not cause:
                    raise refused from cause
                raise Conflict(f"the database refuses {next(iter(command))}: {cause}") from cause
            except PyMongoError as cause:
                raise translated(cause) from cause
            return reply

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction on the primary: snapshot reads, majority and journalled writes. Aborted unless committed."""
        async with self.admission(), self.session() as session:
            started = session.start_transaction(
                read_concern=_SNAPSHOT,
                write_concern=MAJORITY,
                read_preference=ReadPreference.PRIMARY,
                max_commit_time_ms=int(COMMIT_SECONDS * 1000),
            )
            if inspect.isawaitable(started):
                await started
            transaction = Transaction(session, self.sizes)
            try:
                yield transaction
            finally:
                await transaction.abort()

    @asynccontextmanager
    async def outside(self) -> AsyncIterator[Transaction]:
        """A session without a transaction, for code that takes one. Each read sees the state at its own time."""
        async with self.admission(), self.session() as session:
            yield Transaction(session, self.sizes)

    async def _count(self, collection: str) -> int:
        return int((await self.command({"count": collection}))["n"])

    async def ping(self) -> None:
        """Raises `DatabaseUnreachable` if the server does not answer."""
        try:
            await self._client.admin.command("ping")
        except PyMongoError as cause:
            raise DatabaseUnreachable(str(cause)) from cause

    async def drop(self) -> None:
        """Drop the whole database."""
        await self._client.drop_database(self.name)

    async def close(self) -> None:
        """Close all connections."""
        while self._sessions:
            session, _ = self._sessions.pop()
            await _ended(session)
        await _settled(self._client.close())

    @asynccontextmanager
    async def admission(self) -> AsyncIterator[None]:
        async with self._gate:
            self.in_use += 1
            try:
                yield
            finally:
                self.in_use -= 1

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """A server session from our own pool. Sessions that were idle too long or met an error are not reused."""
        session = None
        while self._sessions and session is None:
            candidate, used = self._sessions.pop()
            if time.monotonic() - used < SESSION_IDLE_SECONDS:
                session = candidate
            else:
                await _ended(candidate)
        if session is None:
            started = self._client.start_session(causal_consistency=False)
            session = await started if inspect.isawaitable(started) else started
        try:
            yield session
        except BaseException:
            await _ended(session)
            raise
        self._sessions.append((session, time.monotonic()))


def _client(uri: str, driver: Driver, wait_seconds: float) -> Any:
    options: dict[str, Any] = {
        "serverSelectionTimeoutMS": int(wait_seconds * 1000),
        "connectTimeoutMS": int(wait_seconds * 1000),
        "socketTimeoutMS": int(SOCKET_SECONDS * 1000),
        "maxPoolSize": POOL_MAX,
        "w": "majority",
        "journal": True,
    }
    given = {name.lower() for name in parse_uri(uri)["options"]}
    options = {name: value for name, value in options.items() if name.lower() not in given}
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415  only who asks for it pays for it

        return AsyncIOMotorClient(uri, io_loop=asyncio.get_running_loop(), **options)
    return AsyncMongoClient[Document](uri, **options)


async def _settled(value: Any) -> Any:
    """The value, awaited if this driver returns an awaitable."""
    return await value if inspect.isawaitable(value) else value


async def _ended(session: Any) -> None:
    try:
        await session.end_session()
    except (PyMongoError, InvalidOperation):
        return


def unwrapped(value: Any) -> Any:
    """The value with the driver's own integer type replaced by int, for fields that may hold any JSON."""
    if isinstance(value, dict):
        return {name: unwrapped(part) for name, part in value.items()}
    if isinstance(value, list):
        return [unwrapped(part) for part in value]
    return int(value) if isinstance(value, Int64) else value
