"""A `.run` folder for a stack of stand-ins."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import plan
from deploy.local.stack import Stack
from deploy.local.state import Home
from tests.deploy.local.given import silent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amqp_url: str, mongodb_uri: str) -> Iterator[Home]:
    """A `.run` folder of the test's own; the engines are the run's."""
    fakes = dict.fromkeys(plan.MODULES, "tests.deploy.local.fake_service")
    monkeypatch.setattr(plan, "MODULES", fakes)
    monkeypatch.setenv("AMQP_URL", amqp_url)
    monkeypatch.setenv("MONGODB_URI", mongodb_uri)
    home = Home(tmp_path / "run")
    yield home
    Stack(home, silent()).down()
