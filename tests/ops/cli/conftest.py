"""The command line runs in the process of the test, and so beside services whose log would be taken for its output."""

from collections.abc import AsyncIterator
from math import inf
from pathlib import Path

import pytest

from chassis.telemetry import loop_watch
from tests.ops.cli.given import Operator


@pytest.fixture(autouse=True)
def no_word_of_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services say nothing of an event loop that was held up."""
    monkeypatch.setattr(loop_watch, "WARN_SECONDS", inf)


@pytest.fixture
async def operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Operator]:
    """A command line and the services it talks to."""
    async with Operator(tmp_path, monkeypatch, capsys).at_work() as operator:
        yield operator
