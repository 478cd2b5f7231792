"""Resources that are declared or asked for wrongly are refused at the import, or before anything starts."""

from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from chassis.clock import Clock
from chassis.provided import NotProvided
from chassis.resource import resource
from chassis.rpc.declaration import Servicer
from chassis.runtime import Runtime
from chassis.service import Service
from chassis.settings import BaseSettings, Secret
from chassis.testing.client import TEST_KEY
from chassis.testing.keys import key_settings
from tests.chassis.resources.given import EVENTS, Library, Shelf, a_service, declared


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
