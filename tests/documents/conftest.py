"""The documents of every service as files, and the tools that read them."""

from pathlib import Path

import msgspec
import pytest

from chassis.http.documents import Documents
from chassis.service import collect
from gateway.pages.documents import merged
from tests.chassis.sample.app import SAMPLE
from tests.contract.services import SERVICES
from tests.documents import node_tools


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `<service>.openapi.json` and `<service>.asyncapi.json`, and the gateway's `stack.asyncapi.json`."""
    folder = tmp_path_factory.mktemp("documents")
    events = {}
    # The sample has kinds of endpoints that no service may have at the moment.
    for name, service in {**SERVICES, SAMPLE.name: SAMPLE}.items():
        made = Documents(service, collect(service), "dev")
        for kind in ("openapi", "asyncapi"):
            (folder / f"{name}.{kind}.json").write_bytes(made.text(f"{kind}.json"))
        if name in SERVICES:
            events[name] = msgspec.json.decode(made.text("asyncapi.json"))
    (folder / "stack.asyncapi.json").write_bytes(msgspec.json.encode(merged(events)))
    return folder


@pytest.fixture(scope="session")
def node() -> None:
    """Install the Node tools; a test that needs them is skipped where there is no npm."""
    if not node_tools.has_npm():
        pytest.skip(node_tools.NO_NPM)
    node_tools.install()
