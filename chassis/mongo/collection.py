"""A collection: a thin layer over the driver.

Reads and the writes of transactions are plain database commands: one round trip and no work per document on our side,
which keeps a batch cheap.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from chassis.mongo.collection_sizes import CollectionSizes
from chassis.mongo.errors import TransactionTooLarge, Transient, judge, translated
from chassis.mongo.query_shapes import RECORDER
from chassis.mongo.transaction import Transaction

Document = dict[str, Any]
Sort = Sequence[tuple[str, int]]

MAJORITY = WriteConcern("majority", j=True)
BATCH_DOCUMENTS = 10_000
WRITE_DOCUMENTS_MAX = 1_000
"""Documents in one write command: the driver encodes a command as one piece, and the event loop waits for that."""

EXISTS_CODE = 48
ABSENT_CODE = 26


class DatabaseHandle(Protocol):
    """What a collection needs from its database."""

    @property
    def raw(self) -> Any:
        """The driver's own database."""
        ...

    @property
    def sizes(self) -> CollectionSizes:
        """How many documents its collections hold."""
        ...

    def admission(self) -> AbstractAsyncContextManager[None]:
        """Wait until the operation may start."""
        ...

    def session(self) -> AbstractAsyncContextManager[Any]:
        """A session that nothing else uses in the meantime."""
        ...

    async def command(self, command: Mapping[str, Any]) -> Document:
        """Run a command outside a transaction."""
        ...


class Collection:
    """A collection. Its operations may be part of a transaction; outside one they are majority and journalled."""

    def __init__(self, link: DatabaseHandle, name: str) -> None:
        self.name = name
        self._link = link
        self._raw = link.raw.get_collection(name, write_concern=MAJORITY)

    async def find(
        self,
        where: Mapping[str, Any],
        *,
        projection: Mapping[str, Any] | None = None,
        sort: Sort = (),
        limit: int = 0,
        session: Transaction | None = None,
    ) -> list[Document]:
        """The documents that match, at most `limit` of them; 0 means all."""
        if RECORDER.on:
            RECORDER.note(self.name, where, sort)
        command: Document = {"find": self.name, "filter": where}
        if projection is not None:
            command["projection"] = projection
        if sort:
            command["sort"] = dict(sort)
        if limit:
            command["limit"] = limit
        command["batchSize"] = min(limit, BATCH_DOCUMENTS) if limit else BATCH_DOCUMENTS
        return await self._read(command, session)

    async def aggregate(
        self, pipeline: Sequence[Mapping[str, Any]], *, session: Transaction | None = None
    ) -> list[Document]:
        """The documents that a pipeline returns."""
        if RECORDER.on:
            matched: Mapping[str, Any] = next((stage["$match"] for stage in pipeline[:1] if "$match" in stage), {})
            sort: Mapping[str, int] = next((stage["$sort"] for stage in pipeline if "$sort" in stage), {})
            RECORDER.note(self.name, matched, tuple(sort.items()))
        command = {"aggregate": self.name, "pipeline": list(pipeline), "cursor": {"batchSize": BATCH_DOCUMENTS}}
        return await self._read(command, session)

    async def batches(
        self, where: Mapping[str, Any], *, fields: Sequence[str], sort: Sort = (), size: int, session: Transaction
    ) -> AsyncIterator[list[Document]]:
        """These fields of all matching documents, `size` at a time, within a transaction: for results too large for
        memory.
        """
        if RECORDER.on:
            RECORDER.note(self.name, where, sort)
        command: Document = {"find": self.name, "filter": where, "projection": dict.fromkeys(fields, 1)}
        if sort:
            command["sort"] = dict(sort)
        command["batchSize"] = size
        run = self._link.raw.command
        try:
            cursor = (await run(command, session=session.session))["cursor"]
            yield cursor["firstBatch"]
            while cursor["id"]:
                more = {"getMore": cursor["id"], "collection": self.name, "batchSize": size}
                cursor = (await run(more, session=session.session))["cursor"]
                yield cursor["nextBatch"]
        except PyMongoError as cause:
            raise translated(cause) from cause

    async def count(self, where: Mapping[str, Any], *, at_most: int | None = None) -> int:
        """The number of matching documents, counted up to `at_most`. Costs as much as reading their index entries."""
        bound = [] if at_most is None else [{"$limit": at_most}]
        found = await self.aggregate([{"$match": where}, *bound, {"$count": "n"}])
        return int(found[0]["n"]) if found else 0

    async def insert_many(
        self, documents: Sequence[Document], *, ordered: bool = False, session: Transaction | None = None
    ) -> None:
        """Insert these. Raises `Duplicate` if a unique index already holds a key of one of them."""
        await self._write("insert", "documents", documents, session, ordered=ordered)

    async def replace_many(self, documents: Sequence[Document], *, session: Transaction | None = None) -> None:
        """Replace the stored documents that have the same ids."""
        updates = [{"q": {"_id": document["_id"]}, "u": document} for document in documents]
        await self._write("update", "updates", updates, session, ordered=False)

    async def set_fields(self, changes: Mapping[str, Document], *, session: Transaction | None = None) -> None:
        """Set fields of the stored documents with these ids; a field may be a path to an item of a list."""
        updates = [{"q": {"_id": key}, "u": {"$set": fields}} for key, fields in changes.items()]
        await self._write("update", "updates", updates, session, ordered=False)

    async def remove_many(self, ids: Sequence[Any], *, session: Transaction | None = None) -> None:
        """Delete the documents with these ids."""
        deletes = [{"q": {"_id": key}, "limit": 1} for key in ids]
        await self._write("delete", "deletes", deletes, session, ordered=False)

    async def update_one(
        self, where: Mapping[str, Any], update: Any, *, upsert: bool = False, session: Transaction | None = None
    ) -> tuple[int, int]:
        """Update one matching document: how many matched, and how many were changed or inserted."""
        self._noted(where)
        async with self._alone(session) as raw:
            done = await self._raw.update_one(where, update, upsert=upsert, session=raw)
            inserted = done.upserted_id is not None
            self._grew(int(inserted), session)
            return done.matched_count, done.modified_count + inserted

    async def update_many(
        self, where: Mapping[str, Any], update: Any, *, session: Transaction | None = None
    ) -> tuple[int, int]:
        """Update all matching documents: how many matched, and how many were changed."""
        self._noted(where)
        async with self._alone(session) as raw:
            done = await self._raw.update_many(where, update, session=raw)
            return done.matched_count, done.modified_count

    async def delete_many(self, where: Mapping[str, Any], *, session: Transaction | None = None) -> int:
        """Delete all matching documents; how many."""
        self._noted(where)
        async with self._alone(session) as raw:
            deleted = int((await self._raw.delete_many(where, session=raw)).deleted_count)
            self._grew(-deleted, session)
            return deleted

    async def bulk_write(self, requests: Sequence[Any], *, session: Transaction | None = None) -> None:
        """The driver's mixed bulk write, unordered."""
        async with self._alone(session) as raw:
            done = await self._raw.bulk_write(requests, ordered=False, session=raw)
            self._grew(done.inserted_count + done.upserted_count - done.deleted_count, session)

    async def create(self) -> None:
        """Create the collection unless it exists."""
        try:
            await self._link.raw.command({"create": self.name})
        except OperationFailure as cause:
            if cause.code != EXISTS_CODE:
                raise

    async def create_indexes(self, indexes: Sequence[Mapping[str, Any]]) -> None:
        """Create these indexes, given as the server's `createIndexes` takes them. Existing ones stay."""
        if indexes:
            await self._link.raw.command({"createIndexes": self.name, "indexes": list(indexes)})

    async def indexes(self) -> list[Document]:
        """The existing indexes; none if there is no collection."""
        try:
            reply = await self._link.raw.command({"listIndexes": self.name, "cursor": {"batchSize": 1000}})
        except OperationFailure as cause:
            if cause.code == ABSENT_CODE:
                return []
            raise
        return list(reply["cursor"]["firstBatch"])

    async def drop_index(self, name: str) -> None:
        """Drop an index by name."""
        await self._link.raw.command({"dropIndexes": self.name, "index": name})

    async def drop(self) -> None:
        """Drop the collection."""
        async with self._alone(None):
            await self._raw.drop()
        self._grew_unknown(None)

    async def explain(self, command: Mapping[str, Any]) -> Document:
        """The server's plan for a find or aggregate command on this collection."""
        plan: Document = await self._link.raw.command({"explain": dict(command), "verbosity": "queryPlanner"})
        return plan

    def _noted(self, where: Mapping[str, Any]) -> None:
        if RECORDER.on:
            RECORDER.note(self.name, where)

    async def _read(self, command: Document, within: Transaction | None) -> list[Document]:
        if within is not None:
            return await _drained(self._link, command, within.session)
        command["readConcern"] = {"level": "majority"}
        async with self._link.admission():
            try:
                async with self._link.session() as session:
                    return await _drained(self._link, dict(command), session)
            except Transient:
                # The connection broke; a read may be repeated.
                async with self._link.session() as session:
                    return await _drained(self._link, command, session)

    async def _write(
        self, verb: str, field: str, items: Sequence[Any], within: Transaction | None, *, ordered: bool
    ) -> None:
        if len(items) > WRITE_DOCUMENTS_MAX:
            for start in range(0, len(items), WRITE_DOCUMENTS_MAX):
                part = items[start : start + WRITE_DOCUMENTS_MAX]
                await self._write(verb, field, part, within, ordered=ordered)
            return
        if not items:
            return
        command: Document = {verb: self.name, "ordered": ordered, field: items}
        try:
            if within is not None:
                reply = await self._link.raw.command(command, session=within.session)
            else:
                command["writeConcern"] = {"w": "majority", "j": True}
                reply = await self._link.command(command)
        except DocumentTooLarge as cause:
            if len(items) == 1:
                raise TransactionTooLarge(str(cause)) from cause
            middle = len(items) // 2
            await self._write(verb, field, items[:middle], within, ordered=ordered)
            await self._write(verb, field, items[middle:], within, ordered=ordered)
            return
        except PyMongoError as cause:
            self._grew_unknown(within)
            raise translated(cause) from cause
        if verb != "update":
            self._grew(reply.get("n", 0) if verb == "insert" else -reply.get("n", 0), within)
        judge(reply)

    def _grew(self, documents: int, within: Transaction | None) -> None:
        """Note by how many documents the collection grows with a write."""
        if not documents:
            return
        if within is not None:
            within.grew(self.name, documents)
        else:
            self._link.sizes.changed({self.name: documents})

    def _grew_unknown(self, within: Transaction | None) -> None:
        """Note that a write failed that may have changed something all the same."""
        if within is None:
            self._link.sizes.changed({self.name: 0}, certain=False)

    @asynccontextmanager
    async def _alone(self, within: Transaction | None) -> AsyncIterator[Any]:
        """Admission for an operation outside a transaction; one inside was admitted with the transaction."""
        try:
            if within is not None:
                yield within.session
            else:
                async with self._link.admission():
                    yield None
        except PyMongoError as cause:
            self._grew_unknown(within)
            raise translated(cause) from cause


async def _drained(link: DatabaseHandle, command: Document, session: Any) -> list[Document]:
    """All documents of a cursor, which nearly always fit the first reply."""
    run = link.raw.command
    collection = command.get("find") or command["aggregate"]
    try:
        cursor = (await run(command, session=session))["cursor"]
        documents: list[Document] = cursor["firstBatch"]
        while cursor["id"]:
            more = {"getMore": cursor["id"], "collection": collection, "batchSize": BATCH_DOCUMENTS}
            cursor = (await run(more, session=session))["cursor"]
            documents.extend(cursor["nextBatch"])
    except PyMongoError as cause:
        raise translated(cause) from cause
    return documents
