"""Records and services as VisualGrid sees them, without a stack."""

from typing import Any

import msgspec
import pytest

from chassis.errors import NotFound, Unavailable
from retailstack.graph.v1 import source_pb2 as pb
from services.visualgrid.graph.domain import Catalogue
from services.visualgrid.graph.hubs import HUB_SERVICE
from services.visualgrid.graph.messages import hub_schema
from services.visualgrid.graph.sources import SourceReader
from services.visualgrid.node.domain import LABEL_LENGTH_MAX, found_from_proto
from services.visualgrid.node.loading import owner_of


class Services:
    """Services that answer, but for those that are down; and how often each was asked."""

    def __init__(self, *down: str) -> None:
        self.asked: list[str] = []
        self._down = down

    async def ask(self, service: str, question: Any, seconds: float) -> str:
        self.asked.append(service)
        if service in self._down:
            raise Unavailable(f"{service} did not answer in time")
        return f"{service}'s answer"


async def question(stub: Any, options: Any) -> str:
    """What is asked: `Services` does not look at it."""
    return ""


def reader_of(services: Any, *unseen: str) -> SourceReader:
    """The reader of a request when these services have not been seen yet."""
    return SourceReader(services, Catalogue({HUB_SERVICE: hub_schema()}, unseen))


def test_a_table_that_nobody_has_may_belong_to_a_service_that_was_not_seen_yet() -> None:
    with pytest.raises(Unavailable, match="pmc"):
        owner_of(reader_of(Services(), "pmc"), "pmc_products")
    with pytest.raises(NotFound):
        owner_of(reader_of(Services()), "pmc_products")
    assert owner_of(reader_of(Services(), "pmc"), "stack_variants") == HUB_SERVICE


async def test_a_service_that_is_down_is_asked_once_in_a_request_and_named() -> None:
    services = Services("ics")
    reader = reader_of(services)
    answers: dict[str, str] = await reader.ask_each({"ics": question, "slc": question})
    assert answers == {"slc": "slc's answer"}
    with pytest.raises(Unavailable, match="ics"):
        await reader.ask("ics", question)
    assert services.asked == ["ics", "slc"]
    assert reader.unavailable == ["ics"]


@pytest.mark.parametrize(
    ("label", "shown"), [("x" * 500, "x" * LABEL_LENGTH_MAX), ("", "z-1"), ("Receiving", "Receiving")]
)
def test_a_label_is_short_and_never_empty(label: str, shown: str) -> None:
    text = '{"code":"Ä"}'
    found = found_from_proto(
        "ics",
        pb.Record(
            table="ics_zones", entity="zone", id="z-1", label=label, keys={"PK": "P", "SK": "S"}, properties=text
        ),
    )
    assert found.node.metadata.label == shown
    assert found.node.metadata.size_bytes == len(text.encode()) == len(msgspec.json.encode(found.properties()))
    assert found.node.metadata.revision is None
