"""The record that a PK and SK name: by its id if the keys contain or make it, otherwise by an index on their fields."""

from collections.abc import Mapping
from typing import Any

from chassis.mongo.direct_reader import DirectReader
from chassis.rpc.graph.indexed_queries import IndexedQueries
from chassis.rpc.graph.records import Presenter

SAME_KEYS_MAX = 8
"""Records that keys without an id are compared with."""


class KeyResolver:
    """Finds records by their logical keys."""

    def __init__(self, reader: DirectReader, queries: Mapping[str, IndexedQueries]) -> None:
        self._reader = reader
        self._queries = queries

    async def record_of(self, presenter: Presenter, pk: str, sk: str) -> Any:
        """The record of this kind with these keys, or None."""
        fields = presenter.keys.fields_of(pk, sk)
        for record in await self._candidates(presenter, fields) if fields is not None else []:
            keys = presenter.keys.of(record)
            if (keys.get("PK"), keys.get("SK")) == (pk, sk):
                return record
        return None

    async def _candidates(self, presenter: Presenter, fields: Mapping[str, Any]) -> list[Any]:
        entity = presenter.entity
        record_id = presenter.keys.id_in(fields)
        if record_id is not None:
            return await self._reader.by_ids(entity, [record_id])
        org = str(fields.get("orgcode", "")) if entity.org_scoped else ""
        query = self._queries[entity.name].by_fields(fields, org)
        assert query is not None, f"no index finds {entity.name} records by their keys"
        return await self._reader.find(entity, org or None, query.where, order=query.order, limit=SAME_KEYS_MAX)
