"""Two resources, a feature whose every part asks for one of them, and a service of both."""

from typing import Any

import pytest

from chassis.caller import Call
from chassis.consumer import Consumers, Event
from chassis.endpoint import Answer, Endpoints, Request
from chassis.entity import Value
from chassis.event import EventType
from chassis.jobs.declaration import Jobs, NoParams
from chassis.service import Service
from chassis.settings import BaseSettings
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import Metric
from chassis.unit import Change, Units, View
from tests.chassis.feature_given import a_feature

LENT = Metric(name="test_books_lent_total", kind="counter", meaning="Books lent.", action="None.")


class Shelf:
    """Something a process owns."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.up = True

    async def answers(self) -> bool:
        """Whether it is up."""
        return self.up


class Library:
    """Something that needs a shelf."""

    def __init__(self, shelf: Shelf, metrics: Metrics) -> None:
        self.shelf = shelf
        self.lent = metrics.counter(LENT)
        self.seen: list[str] = []

    def lend(self, to: str) -> str:
        """What is lent, noted with who took it."""
        self.lent.inc()
        self.seen.append(to)
        return f"{self.shelf.name} to {to}"


class LentAnswer(Answer):
    lent: str


class LendRequest(Request):
    to: str


class Asked(Value):
    """The body of `test.asked`."""

    to: str


class Lent(Value):
    """What a job answers."""

    lent: str


EVENTS = {"EVENTS": [EventType(type="test.asked", subject="book", body=Asked, summary="A book was lent.")]}


def declared() -> dict[str, Any]:
    """A feature of which each part asks for the library."""
    endpoints, jobs, consumers = Endpoints("test"), Jobs("test"), Consumers("test")

    @endpoints.post("/lend", tenant=False)
    async def test_lend(library: Library, body: LendRequest) -> LentAnswer:
        """Lend a book."""
        return LentAnswer(lent=library.lend(body.to))

    async def lend(call: Call, body: LendRequest, library: Library) -> str:
        return library.lend(body.to)

    @endpoints.post("/lend/view", tenant=False, prepare=lend)
    async def test_lend_view(view: View, prepared: str, body: LendRequest) -> LentAnswer:
        """Lend a book, then look."""
        return LentAnswer(lent=prepared)

    @endpoints.post("/lend/change", tenant=False, prepare=lend, emits=["test.asked"])
    async def test_lend_change(change: Change, prepared: str, body: LendRequest) -> LentAnswer:
        """Lend a book, then tell."""
        change.emit("test.asked", "book-1", to=body.to)
        return LentAnswer(lent=prepared)

    @jobs.by_hand(name="lend")
    async def lend_by_job(units: Units, call: Call, params: NoParams, library: Library) -> Lent:
        """Lend a book."""
        return Lent(lent=library.lend("job"))

    @consumers.on("test.asked", name="lend")
    async def lend_by_event(units: Units, event: Event, library: Library) -> None:
        """Lend a book."""
        library.lend("consumer")

    return {"endpoints": endpoints, "jobs": jobs, "consumers": consumers}


def a_service(monkeypatch: pytest.MonkeyPatch, resources: list[Any], **modules: Any) -> Service:
    return Service(
        name="test",
        settings=BaseSettings,
        package=a_feature(monkeypatch, "lending", **modules),
        features=["lending"],
        roles={},
        resources=resources,
    )
