"""The event documents of a run: one for each event it emitted, and a silent one for each other record it wrote."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from chassis.clock import Utc, to_millis
from chassis.event import WORK_MESSAGE, shard_of
from chassis.ids import IdSource
from chassis.mongo.execution import Emitted, Execution
from chassis.mongo.working_set import Written
from chassis.telemetry.trace import trace_begun_by, trace_id_in

TOUCHED_MAX = 64
"""Records an event lists beside its subject. Of a larger change, only the first event lists all."""

StoredEvent = dict[str, Any]
Sealed = Mapping[type, tuple[str, ...]]


class EventWriter:
    """Makes the event documents of a service."""

    def __init__(self, source: str, ids: IdSource) -> None:
        self._source = source
        self._service = source.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        self._ids = ids
        self._millis: tuple[Utc, int] = (Utc(""), 0)

    def documents(self, run: Execution) -> list[StoredEvent]:
        """The event documents of a run that is complete, in the order to publish them in."""
        if not run.events and not run.written and not run.woken:
            return []
        written = {each.id: each for each in run.written.values() if not each.table.technical}
        touched = _Touched(written.values())
        traceparent = _traceparent(run)
        reason = next((each.reason for each in run.written.values() if each.reason), None)
        sealed = run.tables.sealed
        documents: list[StoredEvent] = []
        for event in run.events:
            own = written.get(event.subject)
            documents.append(self._emitted(run, event, own, touched.listed(event.subject, documents), sealed, reason))
        subjects = {event.subject for event in run.events}
        for each in written.values():
            if each.table.history and each.id not in subjects and (each.record or each.before) is not None:
                documents.append(self._silent(run, each, touched.listed(each.id, documents), sealed))
        first = next((each for each in written.values() if each.table.org_scoped), None)
        if first is not None and not documents:
            documents.append(self._note(run, first, touched.listed(first.id, documents)))
        causes = _causes(run, traceparent)
        for document in documents:
            document["causes"] = causes
            document["traceparent"] = traceparent
        documents += [self._work_message(run, queue) for queue in sorted(run.woken)]
        return documents

    def _emitted(
        self,
        run: Execution,
        event: Emitted,
        own: Written | None,
        touched: list[StoredEvent],
        sealed: Sealed,
        any_reason: str | None,
    ) -> StoredEvent:
        """The document of an emitted event. `any_reason` is that of the first record with one, for events without."""
        lead: Any = None
        for value in event.body.values():
            if hasattr(value, "revision"):
                lead = value
                break
        revision = event.revision
        if revision is None:
            about = lead if lead is not None else own.record if own is not None else None
            revision = getattr(about, "revision", 0)
        org = getattr(lead, "orgcode", None) or event.org or (own is not None and _org_of(own)) or ""
        body = {name: redacted(value, sealed) for name, value in event.body.items()} if sealed else event.body
        reason = own.reason if own is not None and own.reason is not None else any_reason
        return self._document(run, event.type, event.subject, org, revision, reason, touched, body, published=True)

    def _silent(self, run: Execution, each: Written, touched: list[Any], sealed: Sealed) -> StoredEvent:
        record = each.record if each.record is not None else each.before
        shown = each.table.entity.in_history
        answered = shown(record) if shown is not None else record
        body: dict[str, Any] = {each.table.name: redacted(answered, sealed) if sealed else answered}
        if each.record is None:
            body["deleted"] = True
        org = _org_of(each) or run.call.caller.orgcode or ""
        revision = getattr(record, "revision", 0)
        event_type = f"{self._service}.{each.table.name}.recorded"
        return self._document(run, event_type, each.id, org, revision, each.reason, touched, body, published=False)

    def _note(self, run: Execution, first: Written, touched: list[Any]) -> StoredEvent:
        """Names the records of a change that has no other document, so that they are found by its cause."""
        org = _org_of(first) or run.call.caller.orgcode or ""
        event_type = f"{self._service}.change.recorded"
        return self._document(run, event_type, f"change:{first.id}", org, 0, None, touched, {}, published=False)

    def _work_message(self, run: Execution, queue: str) -> StoredEvent:
        """The message that wakes a queue's workers. It names no org and carries no data: the rows of the queue do."""
        document = self._document(run, WORK_MESSAGE, queue, "", 0, None, [], {"queue": queue}, published=False)
        return {**document, "traceparent": _traceparent(run), "pending": True, "queue": queue}

    def _document(
        self,
        run: Execution,
        event_type: str,
        subject: str,
        org: str,
        revision: int,
        reason: str | None,
        touched: list[Any],
        body: Mapping[str, Any],
        *,
        published: bool,
    ) -> StoredEvent:
        call = run.call
        # An event may name another actor than the caller.
        actor = body.get("actor", call.caller.actor)
        head: dict[str, Any] = {"orgcode": org, "actor": actor, "revision": revision}
        if call.cccode is not None:
            head["cccode"] = call.cccode
        now = run.now
        return {
            "_id": self._ids.new_at(self._millis_of(now)),
            "orgcode": org,
            "type": event_type,
            "subject": subject,
            "source": self._source,
            "at_utc": now,
            "actor": actor,
            "revision": revision,
            "cccode": call.cccode,
            "traceparent": "",
            "reason": reason,
            "touched": touched,
            "body": msgspec.json.encode({**head, **body}).decode(),
            "shard": shard_of(subject),
            "pending": published,
            "published": published,
        }

    def _millis_of(self, moment: Utc) -> int:
        known, millis = self._millis
        if known != moment:
            millis = to_millis(moment)
            self._millis = (moment, millis)
        return millis


def redacted(value: Any, sealed: Sealed) -> Any:
    """The value with every sealed field in it redacted, at any depth."""
    if isinstance(value, Struct):
        hidden = sealed.get(type(value), ())
        return {name: redacted(getattr(value, name), sealed) for name in value.__struct_fields__ if name not in hidden}
    if isinstance(value, Mapping):
        return {name: redacted(part, sealed) for name, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(part, sealed) for part in value]
    return value


def _traceparent(run: Execution) -> str:
    return run.call.traceparent or trace_begun_by(run.call.request_id)


def _causes(run: Execution, traceparent: str) -> list[str]:
    """The trace id of a run, and the operations that its records name."""
    found = dict.fromkeys([trace_id_in(traceparent)])
    for each in run.written.values():
        field = each.table.entity.operation
        if field and each.record is not None:
            found[getattr(each.record, field)] = None
    return [cause for cause in found if cause]


class _Touched:
    """The records a run has written, as its events list them."""

    def __init__(self, written: Iterable[Written]) -> None:
        self._all = [
            {"entity": each.table.name, "id": each.id, "revision": getattr(each.record, "revision", 0)}
            for each in written
        ]
        self._by_id: dict[Any, list[StoredEvent]] = {}
        if len(self._all) > TOUCHED_MAX:
            for each in self._all:
                self._by_id.setdefault(each["id"], []).append(each)

    def listed(self, subject: str, documents: list[StoredEvent]) -> list[StoredEvent]:
        """What the next event lists: of a large change all if it is the first event, else its subject."""
        if len(self._all) <= TOUCHED_MAX or not documents:
            return self._all
        return self._by_id.get(subject, [])


def _org_of(each: Written) -> str | None:
    org: str | None = getattr(each.record if each.record is not None else each.before, "orgcode", None)
    return org
