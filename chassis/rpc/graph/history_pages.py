"""Pages of a record's history, from wherever its entity says it comes from."""

from collections.abc import Mapping
from typing import Any

from chassis.event import EventDocument
from chassis.mongo.direct_reader import DirectReader
from chassis.mongo.eventlog import EVENTS
from chassis.page import Page, PageRequest, items_of
from chassis.pattern import pattern
from chassis.record_history import RecordedBy, WrittenOnce
from chassis.rpc.graph.history import item_of_record, item_recorded, items_to_proto
from chassis.rpc.graph.indexed_queries import IndexedQueries
from chassis.rpc.graph.neighbours import ByIndex
from chassis.rpc.graph.records import CHUNK_FIRST, PAGE_BYTES_MAX, Presenter
from chassis.rpc.graph.resolving import KeyResolver
from retailstack.graph.v1 import source_pb2 as pb


class HistoryPages:
    """Answers `History`."""

    def __init__(
        self,
        service: str,
        reader: DirectReader,
        resolver: KeyResolver,
        presenters: Mapping[str, Presenter],
        queries: Mapping[str, IndexedQueries],
    ) -> None:
        self._service = service
        self._reader = reader
        self._resolver = resolver
        self._presenters = presenters
        self._queries = queries

    async def of(self, presenter: Presenter, pk: str, sk: str, page: PageRequest) -> pb.HistoryPage | None:
        """A page of the history of a record of this kind; None if the keys name neither a record nor an event.

        A record that is written once has its item on every page, so it is asked for without a token.
        """
        fields = presenter.keys.fields_of(pk, sk)
        if fields is None:
            return None
        record = await self._resolver.record_of(presenter, pk, sk)
        past = presenter.entity.history_from
        if isinstance(past, WrittenOnce):
            return None if record is None else self._once(presenter, past, record)
        if isinstance(past, RecordedBy):
            return None if record is None else await self._recorded(presenter, past, record, page)
        record_id = presenter.entity.id_of(record) if record is not None else presenter.keys.id_in(fields)
        if record_id is None:
            return None
        org = self._org_of(presenter, record, fields)
        answer = await self._events(presenter, record_id, org, page)
        return None if record is None and not answer.items and page.next_token is None else answer

    def _org_of(self, presenter: Presenter, record: Any, fields: Mapping[str, Any]) -> str:
        """The org that the events of a record are written under."""
        if record is not None:
            return str(getattr(record, "orgcode", ""))
        return str(fields.get("orgcode", ""))

    async def _events(self, presenter: Presenter, record_id: str, org: str, page: PageRequest) -> pb.HistoryPage:
        """The page in chunks, each compared with the event before it; it ends early once it is large."""
        where = {"orgcode": org, "subject": record_id}
        items: list[pb.HistoryItem] = []
        size, token = 0, page.next_token
        while True:
            limit = min(CHUNK_FIRST, items_of(page) - len(items))
            events = await self._reader.page(EVENTS, None, where, page=PageRequest(limit=limit, next_token=token))
            token = events.next_token
            older: list[EventDocument] = []
            if token is not None:
                beyond = PageRequest(limit=1, next_token=token)
                older = (await self._reader.page(EVENTS, None, where, page=beyond)).items
            chunk = items_to_proto(presenter.entity, record_id, events.items, older[0] if older else None)
            items += chunk
            size += sum(item.ByteSize() for item in chunk)
            if token is None or len(items) >= items_of(page) or size >= PAGE_BYTES_MAX:
                return pb.HistoryPage(items=items, next_token=token)

    def _once(self, presenter: Presenter, past: WrittenOnce, record: Any) -> pb.HistoryPage:
        item = item_of_record(self._service, presenter.entity, past, presenter.properties_of(record))
        return pb.HistoryPage(items=[item])

    async def _recorded(self, presenter: Presenter, past: RecordedBy, record: Any, page: PageRequest) -> pb.HistoryPage:
        """An item for each record that changed this one."""
        recorder = self._presenters[past.kind]
        once = recorder.entity.history_from
        assert isinstance(once, WrittenOnce), f"{past.kind} is not written once"
        org = record.orgcode if presenter.entity.org_scoped else None
        query = self._queries[past.kind].by_values(past.by, pattern(past.value).values(record), org or "")
        assert query is not None, f"no index finds {past.kind} records by {past.by}"
        found: Page[Any] = await ByIndex(self._reader, recorder.entity, org, query).read(page)
        items = [
            item_recorded(
                self._service, recorder.entity, once, recorder.properties_of(each), past.changed(record, each)
            )
            for each in found.items
        ]
        return pb.HistoryPage(items=items, next_token=found.next_token)
