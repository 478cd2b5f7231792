"""The services whose records are shown: what each declares, and whether it answers.

Schemas are kept as last seen, since they change only with a deployment; they are asked for again by the entry page and,
in the background, every half minute.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, TypedDict, TypeVar

from chassis.errors import Refusal, Unavailable
from chassis.resource import resource
from chassis.rpc.client import Channels
from chassis.telemetry.log import get_logger
from retailstack.graph.v1 import source_pb2 as pb
from retailstack.graph.v1.source_pb2_grpc import GraphSourceStub
from services.visualgrid.graph.domain import Catalogue, Schema
from services.visualgrid.graph.hubs import HUB_SERVICE
from services.visualgrid.graph.messages import hub_schema, schema_from_proto

SERVICES = ("gateway", "ops", "ics", "pmc", "slc")
"""The services with records, in the order in which they are listed. VisualGrid itself has none to show."""

ANSWER_SECONDS = 1.0
"""How long a service may take to answer."""

HASTE_SECONDS_MIN = 0.1
REFRESH_SECONDS = 30.0

T = TypeVar("T")


class Options(TypedDict):
    """How a call is made: its deadline in seconds, and in whose name."""

    timeout: float
    metadata: tuple[tuple[str, str], ...]


Ask = Callable[["GraphSourceAsyncStub", Options], Awaitable[T]]
"""A call of a service's graph source."""

if TYPE_CHECKING:
    from retailstack.graph.v1.source_pb2_grpc import GraphSourceAsyncStub

log = get_logger("visualgrid.sources")


class Sources:
    """The graph sources of all services."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._seen: dict[str, Schema] = {}
        self.last_seen = Catalogue({HUB_SERVICE: hub_schema()}, SERVICES)

    async def look(self, services: Iterable[str] = SERVICES) -> set[str]:
        """Ask services for their schemas; returns those that answered in time."""
        asked = list(services)
        found = await asyncio.gather(*(self._schema(service) for service in asked))
        answered = {schema.service: schema for schema in found if schema is not None}
        if answered:
            self._seen.update(answered)
            ordered = {service: self._seen[service] for service in SERVICES if service in self._seen}
            unseen = [service for service in SERVICES if service not in self._seen]
            self.last_seen = Catalogue({**ordered, HUB_SERVICE: hub_schema()}, unseen)
        return set(answered)

    async def catalogue(self) -> Catalogue:
        """The schemas as last seen. Services that were not seen yet are asked first."""
        if self.last_seen.unseen:
            await self.look(self.last_seen.unseen)
        return self.last_seen

    async def keep_looking(self) -> None:
        """Ask for the schemas now and every half minute, for ever."""
        while True:
            try:
                await self.look()
            except Exception:
                # The loop must not end, because a deployment would go unnoticed.
                log.exception("asking for the schemas failed")
            await asyncio.sleep(REFRESH_SECONDS)

    async def ask(self, service: str, question: Ask[T], seconds: float) -> T:
        """The answer of a service in `seconds`. Raises `Unavailable` naming it, if it is down, and its refusals."""
        try:
            stub = GraphSourceStub(self._channels.channel(service))
            async with asyncio.timeout(seconds):
                return await question(stub, {"timeout": seconds, "metadata": self._channels.own_name(service)})
        except TimeoutError:
            raise Unavailable(f"{service} did not answer in time") from None
        except Unavailable as refusal:
            named = service in refusal.message
            raise refusal if named else Unavailable(f"{service} is not available: {refusal.message}") from None

    async def _schema(self, service: str) -> Schema | None:
        try:
            known = self._seen.get(service)
            asked = pb.SchemaRequest(known_version=known.version if known is not None else "")
            answer = await self.ask(service, lambda stub, options: stub.Schema(asked, **options), ANSWER_SECONDS)
            return schema_from_proto(answer, known)
        except Refusal as refusal:
            log.info("a service does not show its schema", peer=service, problem=refusal.message)
            return None


class SourceReader:
    """The questions of one request. A service that fails once is not asked again, and is named in `unavailable`."""

    def __init__(self, sources: Sources, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._sources = sources
        self._down: dict[str, Unavailable] = {}
        self._lost_seconds = 0.0

    @property
    def unavailable(self) -> list[str]:
        """The services that did not answer, in the order in which services are listed."""
        return [service for service in SERVICES if service in self._down]

    async def ask(self, service: str, question: Ask[T]) -> T:
        """The answer of a service. Raises `Unavailable` if it is down; time lost by that shortens later questions."""
        if service in self._down:
            raise self._down[service]
        started = monotonic()
        seconds = max(HASTE_SECONDS_MIN, ANSWER_SECONDS - self._lost_seconds)
        try:
            return await self._sources.ask(service, question, seconds)
        except Unavailable as refusal:
            self._down[service] = refusal
            self._lost_seconds = max(self._lost_seconds, monotonic() - started)
            raise

    async def ask_each(self, questions: Mapping[str, Ask[T]]) -> dict[str, T]:
        """The answers of several services, asked at once; those that are down are left out."""

        async def one(service: str, question: Ask[T]) -> tuple[str, T] | None:
            try:
                return service, await self.ask(service, question)
            except Unavailable:
                return None

        found = await asyncio.gather(*(one(service, question) for service, question in questions.items()))
        return dict(each for each in found if each is not None)

    def miss(self, service: str) -> None:
        """Note that a service is down, as it was found so already."""
        self._down[service] = Unavailable(f"{service} is not available")

    def owner(self, table: str) -> str | None:
        """The service of a table; None if there is no such table. Raises `Unavailable` if that cannot be known."""
        service = self.catalogue.service_of(table)
        if service is None and self.catalogue.unseen:
            raise Unavailable(f"{', '.join(self.catalogue.unseen)}: not available")
        return service


async def begin(sources: Sources) -> SourceReader:
    """The reader of one request, which knows which services were not seen yet."""
    catalogue = await sources.catalogue()
    reader = SourceReader(sources, catalogue)
    for service in catalogue.unseen:
        reader.miss(service)
    return reader


@resource
async def sources(channels: Channels) -> AsyncIterator[Sources]:
    """The graph sources of all services."""
    found = Sources(channels)
    task = asyncio.create_task(found.keep_looking(), name="schemas")
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
