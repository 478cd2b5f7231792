"""A how-to, followed on a copy of the sample service: each block goes where its title says."""

import re
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.http.meanings import Meanings
from chassis.http.openapi import openapi
from chassis.service import Parts, Service, collect
from chassis.testing.client import ServiceClient, serve
from tests.chassis.process_given import ROOT
from tests.contract import rows
from tests.contract.schema import Document
from tests.contract.test_parity import (
    answer_differences,
    declaration_differences,
    event_differences,
    request_differences,
    route_differences,
)
from tests.house.described import undescribed_in

SAMPLE = ROOT / "tests/chassis/sample"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
CRATE = {
    **dict.fromkeys(("orgcode", "revision", "created_utc", "created_by", "updated_utc", "updated_by"), "any"),
    **dict.fromkeys(("crate_id", "logical_guid", "code", "name?", "state"), "any"),
}
"""The crate as a contract would list it; its types are no matter of the how-tos."""

Test = Callable[[ServiceClient], Any]


class HowTo:
    """One page and the copy of the sample that it is followed on."""

    def __init__(self, page: str, folder: Path, without: Collection[str] = ()) -> None:
        text = (ROOT / "docs/howto" / page).read_text()
        self.blocks = [(title, block) for title, block in BLOCK.findall(text) if title not in without]
        assert self.blocks, f"{page} has no blocks with a title"
        self.package = f"howto_{uuid.uuid4().hex}"
        self.folder = folder / self.package
        shutil.copytree(SAMPLE, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in self.folder.rglob("*.py"):
            file.write_text(self._moved(file.read_text()))
        for title, block in self.blocks:
            self._follow(title, self._moved(block))

    def _moved(self, text: str) -> str:
        return text.replace("tests.chassis.sample", self.package)

    def _follow(self, title: str, block: str) -> None:
        if title == "app.py: features":
            app = self.folder / "app.py"
            app.write_text(app.read_text().replace("features=[", f"features=[{block.strip()}, ", 1))
        elif title.endswith(".py"):
            file = self.folder / title
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{file.read_text()}\n\n{block}" if file.exists() else block)

    def block(self, title: str) -> str:
        """All blocks of this title, one after the other."""
        return "\n".join(self._moved(block) for known, block in self.blocks if known == title)

    @property
    def service(self) -> Service:
        """The service with the page's addition."""
        found: Service = import_module(f"{self.package}.app").SAMPLE
        return found

    @property
    def parts(self) -> Parts:
        """What it declares."""
        return collect(self.service)

    @property
    def meanings(self) -> Meanings:
        """What the page says of fields."""
        return Meanings(yaml.safe_load(self.block("fields.yaml") or "{}"), {}, "sample/fields.yaml")

    def tests(self) -> Mapping[str, Test]:
        """The tests of the page, by name."""
        made: dict[str, Any] = {}
        exec(compile(self.block("tests"), "tests", "exec"), made)  # noqa: S102  a page of our own
        return {name: value for name, value in made.items() if name.startswith("test_")}


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., HowTo]:
    """Follow a page, but for the blocks of some titles."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return lambda page, *without: HowTo(page, tmp_path, without)


@asynccontextmanager
async def running(
    howto: HowTo, tmp_path: Path, mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str
) -> AsyncIterator[ServiceClient]:
    """The service of a page, running."""
    async with serve(
        howto.service,
        mongodb_uri=mongodb_uri,
        database=database_name,
        amqp_url=amqp_url,
        prefix=bus_prefix,
        sample_folder=str(tmp_path),
    ) as client:
        yield client


@pytest.fixture
def hold_to_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[HowTo], list[str]]]:
    """Hold what a page declares against the rows and events that it puts into the contract."""
    monkeypatch.setattr(rows, "FILES", tmp_path)
    rows.contract.cache_clear()
    yield lambda howto: list(_differences(howto, tmp_path))
    rows.contract.cache_clear()


def _differences(howto: HowTo, folder: Path) -> Iterator[str]:
    written = {
        "service": "sample",
        "objects": {"Crate": CRATE},
        "endpoints": yaml.safe_load(howto.block("contract: endpoints") or "[]"),
        "events": yaml.safe_load(howto.block("contract: events") or "{}"),
    }
    (folder / "sample.yaml").write_text(yaml.safe_dump(written))
    service, parts = howto.service, howto.parts
    document = Document(openapi(service, parts, "dev"))
    known = rows.contract("sample")
    for endpoint in added(parts):
        row = known.row(endpoint.method, endpoint.path)
        yield from declaration_differences(service, endpoint, row)
        yield from route_differences(document, row)
        yield from request_differences(document, row, endpoint.call)
        yield from answer_differences(document, row, endpoint)
    for event in parts.events:
        if event.type in known.events:
            yield from event_differences("sample", event)


def added(parts: Parts) -> list[Any]:
    """The endpoints that the sample does not have without the page."""
    before = {endpoint.call for endpoint in collect(import_module("tests.chassis.sample.app").SAMPLE).endpoints}
    return [endpoint for endpoint in parts.endpoints if endpoint.call not in before]


def undescribed(howto: HowTo) -> list[str]:
    """What is said of the fields that the page adds: nothing where all are described and none in vain."""
    names = {endpoint.request.__name__ for endpoint in added(howto.parts) if endpoint.request}
    own = {event.body.__name__ for event in howto.parts.events if event.type in howto.block("contract: events")}
    lacking = list(undescribed_in(howto.parts, howto.meanings))
    common = ("orgcode", "logical_guid", "channel_code", "cccode", "session_guid", "api_key", "idempotency_key")
    return [
        line
        for line in lacking
        if "no call or event has" in line
        or (
            any(f" {name}." in line for name in names | own)
            and not any(f".{field} means" in line for field in (*common, "expected_revision", "crate"))
        )
    ]
