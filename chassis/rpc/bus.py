"""The servicer behind `events dead`, `events replay` and `events tail`."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from retailstack.chassis.v1 import bus_pb2 as pb
from retailstack.chassis.v1 import bus_pb2_grpc as pb_grpc

LISTEN_SECONDS = 10.0
"""How long the broker may take until a tail receives all events."""


class EventTail(Protocol):
    """Live events, between `start` and `stop`."""

    dropped: int

    async def start(self, seconds: float | None = None) -> None: ...

    async def stop(self) -> None: ...

    def __aiter__(self) -> AsyncIterator[Any]: ...


class QueueOperations(Protocol):
    """Operations on a service's queues, implemented by `chassis.bus.queue_admin.QueueAdmin`."""

    async def queues(self) -> Sequence[Any]: ...

    async def dead_letters(self, queue: str = "", limit: int = 0) -> Sequence[Any]: ...

    async def replay(self, queue: str, limit: int = 0) -> int: ...

    def listen(self, keys: Sequence[str], name: str = "tail") -> EventTail: ...


class BusServicer(pb_grpc.BusServicer):
    """Serves operators."""

    def __init__(self, queue_admin: QueueOperations) -> None:
        self._queue_admin = queue_admin

    async def Queues(self, request: pb.QueuesRequest, context: Any) -> pb.QueuesResponse:
        """Every queue of the service."""
        require_stack()
        return pb.QueuesResponse(queues=[_queue_to_proto(queue) for queue in await self._queue_admin.queues()])

    async def DeadLetters(self, request: pb.DeadLettersRequest, context: Any) -> pb.DeadLettersResponse:
        """The oldest dead letters."""
        require_stack()
        letters = await self._queue_admin.dead_letters(request.queue, max(0, request.limit))
        return pb.DeadLettersResponse(dead_letters=[_letter_to_proto(letter) for letter in letters])

    async def Replay(self, request: pb.ReplayRequest, context: Any) -> pb.ReplayResponse:
        """Return dead letters to their queue."""
        require_stack()
        return pb.ReplayResponse(replayed=await self._queue_admin.replay(request.queue, max(0, request.limit)))

    async def Tail(self, request: pb.TailRequest, context: Any) -> AsyncIterator[pb.TailEvent]:
        """Live events, until the caller cancels."""
        require_stack()
        hearing = self._queue_admin.listen(list(request.keys))
        await hearing.start(LISTEN_SECONDS)
        try:
            reported = 0
            async for event in hearing:
                yield _event_to_proto(event, hearing.dropped - reported)
                reported = hearing.dropped
        finally:
            await hearing.stop()


def bus(queue_admin: QueueOperations) -> Served:
    """The servicer for this process's queues."""
    return pb_grpc.add_BusServicer_to_server, BusServicer(queue_admin)


def _queue_to_proto(queue: Any) -> pb.QueueState:
    return pb.QueueState(
        queue=queue.queue,
        state=queue.state,
        ready=queue.depth.ready,
        waiting=queue.depth.waiting,
        dead=queue.depth.dead,
        consumers=queue.depth.consumers,
    )


def _letter_to_proto(letter: Any) -> pb.DeadLetter:
    return pb.DeadLetter(**{field.name: getattr(letter, field.name) for field in pb.DeadLetter.DESCRIPTOR.fields})


def _event_to_proto(event: Any, dropped: int) -> pb.TailEvent:
    return pb.TailEvent(
        event_id=event.event_id,
        type=event.type,
        source=event.source,
        subject=event.subject,
        orgcode=event.orgcode,
        at_utc=event.at_utc,
        body=event.raw.decode("utf-8", "replace"),
        dropped=dropped,
    )
