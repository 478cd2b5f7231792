"""Resources: started in order, found by type by everything that asks, part of readiness and metrics, stopped last."""

from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp
import pytest

from chassis.caller import Call
from chassis.clock import Clock
from chassis.consumer import Consumers, Event
from chassis.endpoint import Answer, Endpoints, Request
from chassis.entity import Value
from chassis.event import EventType
from chassis.jobs.declaration import Jobs, NoParams
from chassis.provided import NotProvided
from chassis.resource import resource
from chassis.resource_runner import ResourceFailed
from chassis.rpc.declaration import Servicer
from chassis.rpc.endpoints import RpcEndpoints
from chassis.runtime import Runtime
from chassis.service import Service
from chassis.settings import BaseSettings, Secret
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import Metric
from chassis.testing.client import TEST_KEY, serve
from chassis.testing.keys import key_settings
from chassis.unit import Change, Units, View
from tests.chassis.bus_given import eventually
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


@pytest.fixture
def steps() -> list[str]:
    """What was started and stopped, in order."""
    return []


@pytest.fixture
def resources(steps: list[str]) -> list[Any]:
    """A shelf, and a library that stands on it."""

    @resource(health=Shelf.answers)
    async def shelf(clock: Clock) -> AsyncIterator[Shelf]:
        """Books."""
        steps.append("shelf up")
        yield Shelf(f"books of {clock.now()[:2]}")
        steps.append("shelf down")

    @resource(metrics=[LENT])
    async def library(shelf: Shelf, metrics: Metrics) -> AsyncIterator[Library]:
        """Lends books."""
        steps.append("library up")
        yield Library(shelf, metrics)
        steps.append("library down")

    return [shelf, library]


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


async def test_everything_is_given_a_resource_and_outlived_by_it(
    monkeypatch: pytest.MonkeyPatch,
    resources: list[Any],
    steps: list[str],
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    bus_prefix: str,
) -> None:
    made: list[Library] = []

    class Desk:
        """A servicer."""

        def __init__(self, library: Library, endpoints: RpcEndpoints) -> None:
            made.append(library)

    parts = declared()
    service = a_service(
        monkeypatch,
        resources,
        events=EVENTS,
        handlers={"endpoints": parts["endpoints"]},
        jobs={"jobs": parts["jobs"]},
        consumers={"consumers": parts["consumers"]},
        rpc={"servicers": [Servicer(lambda _servicer, _server: None, Desk)]},
    )
    place: dict[str, Any] = {"mongodb_uri": mongodb_uri, "database": database_name}
    async with serve(service, **place, amqp_url=amqp_url, prefix=bus_prefix) as client:
        runtime = client.application.runtime
        [library] = made
        for path in ("/lend", "/lend/view", "/lend/change"):
            assert (await client.post(path, to="ann")).data == {"lent": "books of 20 to ann"}
        assert await runtime.jobs.run("lend", {}, dry_run=False) == Lent(lent="books of 20 to job")
        async with aiohttp.ClientSession() as session:
            private = f"http://127.0.0.1:{runtime.private_port}"
            async with session.get(f"{private}/readyz") as ready:
                assert (await ready.json())["parts"]["shelf"] is True
            library.shelf.up = False
            async with session.get(f"{private}/readyz") as ready:
                assert (ready.status, (await ready.json())["parts"]["shelf"]) == (503, False)
            async with session.get(f"{private}/metrics") as metrics:
                text = await metrics.text()
            await eventually(lambda: "consumer" in library.seen)
        assert "test_books_lent_total" in text
        assert 'retailstack_part_up{part="shelf"} 0.0' in text
        assert steps == ["shelf up", "library up"]
    assert steps == ["shelf up", "library up", "library down", "shelf down"]


async def test_a_double_takes_the_place_of_a_resource(
    monkeypatch: pytest.MonkeyPatch,
    resources: list[Any],
    steps: list[str],
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    bus_prefix: str,
) -> None:
    service = a_service(monkeypatch, resources, events=EVENTS, handlers={"endpoints": declared()["endpoints"]})
    place: dict[str, Any] = {"mongodb_uri": mongodb_uri, "database": database_name}
    double = {Shelf: Shelf("blank books")}
    async with serve(service, **place, amqp_url=amqp_url, prefix=bus_prefix, doubles=double) as client:
        assert (await client.post("/lend", to="ann")).data == {"lent": "blank books to ann"}
    assert steps == ["library up", "library down"]


def a_runtime(service: Service, **options: Any) -> Runtime:
    nowhere = Secret("mongodb://nowhere/")
    return Runtime(
        service,
        BaseSettings(mongodb_uri=nowhere, amqp_url=nowhere, caller_key=TEST_KEY, **key_settings("sample")),
        **options,
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("handlers", "test_lend asks for what this process does not provide: library: Library"),
        ("jobs", "job lend asks for what this process does not provide: library: Library"),
        ("consumers", "consumer test.lend asks for what this process does not provide: library: Library"),
        ("rpc", "servicer .*Counter asks for what this process does not provide: library: Library"),
        ("vacuum_targets", "vacuum target .*Counter asks for what this process does not provide: library: Library"),
    ],
)
def test_what_nobody_provides_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, word: str, said: str
) -> None:
    class Counter:
        """A servicer, or a vacuum target."""

        def __init__(self, library: Library) -> None: ...

    parts = declared()
    contents = {
        "handlers": {"endpoints": parts["endpoints"]},
        "jobs": {"jobs": parts["jobs"]},
        "consumers": {"consumers": parts["consumers"]},
        "rpc": {"servicers": [Servicer(lambda _servicer, _server: None, Counter)]},
        "vacuum_targets": {"vacuum_targets": [Counter]},
    }
    with pytest.raises(NotProvided, match=said):
        a_runtime(a_service(monkeypatch, [], events=EVENTS, **{word: contents[word]}))


def test_a_resource_asks_only_for_what_starts_before_it(monkeypatch: pytest.MonkeyPatch, resources: list[Any]) -> None:
    shelf, library = resources
    with pytest.raises(NotProvided, match="resource library asks for what this process does not provide before it"):
        a_runtime(a_service(monkeypatch, [library, shelf]))
    with pytest.raises(TypeError, match="resource shelf gives a Shelf, which this process has already"):
        a_runtime(a_service(monkeypatch, [shelf, shelf]))
    with pytest.raises(NotProvided, match="a test double asks for what this process does not provide: Library"):
        a_runtime(a_service(monkeypatch, [shelf]), doubles={Library: None})


async def test_a_resource_that_fails_stops_the_start_and_those_before_it(
    monkeypatch: pytest.MonkeyPatch,
    resources: list[Any],
    steps: list[str],
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    bus_prefix: str,
) -> None:
    class Broken:
        """Never there."""

    @resource
    async def broken(shelf: Shelf) -> AsyncIterator[Broken]:
        """Does not come up."""
        if shelf.up:
            raise ConnectionError("nobody answers")
        yield Broken()

    service = a_service(monkeypatch, [*resources, broken])
    place: dict[str, Any] = {"mongodb_uri": mongodb_uri, "database": database_name}
    with pytest.raises(ResourceFailed, match="broken did not start: nobody answers"):
        async with serve(service, **place, amqp_url=amqp_url, prefix=bus_prefix):
            pass
    assert steps == ["shelf up", "library up", "library down", "shelf down"]


def test_a_declaration_that_gives_nothing_stops_the_import() -> None:
    with pytest.raises(TypeError, match="must be an async generator annotated"):

        @resource
        async def nothing() -> Shelf:
            """Not a generator."""
            return Shelf("none")

    with pytest.raises(TypeError, match="has no docstring"):

        @resource
        async def silent() -> AsyncIterator[Shelf]:
            yield Shelf("none")


def test_a_class_that_is_a_context_manager_gives_itself() -> None:
    class Pool:
        """Workers."""

        def __init__(self, clock: Clock, size: int = 4) -> None: ...

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

    found = resource(Pool)
    assert (found.gives, found.name, found.asks) == (Pool, "Pool", {"clock": Clock})
